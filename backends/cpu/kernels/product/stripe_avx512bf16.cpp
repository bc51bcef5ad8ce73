// What goes around the tiles of AMX: widening, packing, sums to rows.
#include <immintrin.h>

#include "backends/cpu/kernels/product/split_words.h"
#include "backends/cpu/kernels/product/stripe.h"
#include "backends/cpu/kernels/product/transpose16.h"

namespace tamis::cpu {
namespace {

#define TAMIS_INLINE inline __attribute__((always_inline))

__mmask64 first_bytes(std::int64_t n) { return n >= 64 ? ~0ull : n <= 0 ? 0 : (1ull << n) - 1; }

TAMIS_INLINE void store_parities(const Parities& words, std::uint16_t* dst, std::int64_t step_codes) {
  _mm512_storeu_si512(dst, words.even);
  _mm512_storeu_si512(dst + step_codes, words.odd);
}

// `scaled`: of each group of columns; null: codes as they are.
template <WeightFormat format, bool scales>
TAMIS_INLINE void widen_row(const std::byte* row, const StripeRows& stripe, const ScaledBytes* scaled,
                            const std::byte* ahead, std::uint16_t* dst) {
  constexpr std::int64_t kSize = format == WeightFormat::kE4M3 ? 1 : 2;
  const std::int64_t step_codes = stripe.halves * kTileSize * kStepCols;
  for (std::int64_t c = 0; c < stripe.cols; c += 64, dst += 2 * step_codes) {
    for (std::int64_t i = 0; i < kSize; ++i) __builtin_prefetch(ahead + kSize * c + 64 * i, 0, 2);
    const std::int64_t left = (stripe.cols - c) * kSize;
    const __m512i first = _mm512_maskz_loadu_epi8(first_bytes(left), row + kSize * c);
    if constexpr (scales) {
      store_parities(widen_scaled_codes(first, scaled[c / kScaleGroup]), dst, step_codes);
    } else if constexpr (format == WeightFormat::kE4M3) {
      store_parities(widen_codes(first), dst, step_codes);
    } else {
      const __m512i second = _mm512_maskz_loadu_epi8(first_bytes(left - 64), row + kSize * c + 64);
      store_parities(split_words(first, second), dst, step_codes);
    }
  }
}

template <WeightFormat format, bool scales>
void widen_rows(const StripeRows& stripe, std::uint16_t* dst) {
  const std::int64_t bytes = stripe.cols * (format == WeightFormat::kE4M3 ? 1 : 2);
  const std::int64_t steps = (stripe.cols + 63) / 64 * 2, step_codes = stripe.halves * kTileSize * kStepCols;
  ScaledBytes scaled[kStripeCols / kScaleGroup];
  for (std::int64_t g = 0; scales && g * kScaleGroup < stripe.cols; ++g) {
    scaled[g] = scaled_bytes(stripe.exponents[g]);
  }
  for (std::int64_t r = 0; r < kTileSize * stripe.halves; ++r, dst += kStepCols) {
    if (stripe.rows[r] != nullptr) {
      widen_row<format, scales>(stripe.rows[r], stripe, scaled, stripe.ahead + r * bytes, dst);
      continue;
    }
    for (std::int64_t step = 0; step < steps; ++step) {
      _mm512_storeu_si512(dst + step * step_codes, _mm512_setzero_si512());
    }
  }
}

}  // namespace

void widen_stripe_avx512(const StripeRows& stripe, std::uint16_t* dst) {
  if (stripe.format == WeightFormat::kBF16) return widen_rows<WeightFormat::kBF16, false>(stripe, dst);
  if (stripe.exponents == nullptr) return widen_rows<WeightFormat::kE4M3, false>(stripe, dst);
  widen_rows<WeightFormat::kE4M3, true>(stripe, dst);
}

void pack_rows_avx512(const PackRows& rows, std::byte* dst) {
  const auto there = static_cast<__mmask16>((1 << rows.width) - 1);
  for (std::int64_t c = 0; c < rows.cols; c += 64) {
    __m512i even[16], odd[16];
    for (std::int64_t r = 0; r < 16; ++r) {
      even[r] = odd[r] = _mm512_setzero_si512();
      if (r >= rows.count) continue;
      const std::byte* row = rows.rows + r * rows.row_bytes + 2 * c;
      const Parities words = split_words(_mm512_loadu_si512(row), _mm512_loadu_si512(row + 64));
      even[r] = words.even, odd[r] = words.odd;
    }
    transpose16(even);
    transpose16(odd);
    for (int i = 0; i < 16; ++i, dst += 4 * rows.width) _mm512_mask_storeu_epi32(dst, there, even[i]);
    for (int i = 0; i < 16; ++i, dst += 4 * rows.width) _mm512_mask_storeu_epi32(dst, there, odd[i]);
  }
}

void store_sums_avx512(const StripeSums& s) {
  const float* tile = s.sums;
  for (std::int64_t pair = 0; pair < s.rows; pair += 2 * kTileSize) {
    for (std::int64_t half = 0; half < s.halves; ++half) {
      for (std::int64_t row = pair; row < pair + 2 * kTileSize; row += kTileSize, tile += kTileFloats) {
        const std::int64_t count = s.rows - row < kTileSize ? s.rows - row : kTileSize;
        if (count <= 0) continue;
        __m512i v[16];
#pragma GCC unroll 16
        for (int i = 0; i < 16; ++i) v[i] = _mm512_load_si512(tile + 16 * i);
        transpose16(v);
        float* c = s.c + row * s.ldc + half * kTileSize;
#pragma GCC unroll 16
        for (int i = 0; i < 16; ++i) {
          if (i < count) _mm512_storeu_si512(c + i * s.ldc, v[i]);
        }
      }
    }
  }
}

}  // namespace tamis::cpu
