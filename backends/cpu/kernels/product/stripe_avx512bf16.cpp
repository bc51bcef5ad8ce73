// What goes around the tiles of AMX: widening, packing, sums to rows.
//
// e4m3 to bf16 by arithmetic on bits: the bf16 of a normal code is its sign and (code & 0x7f) * 16 + 0x3c00,
// of which the high and the low byte are affine in the code's bits (gf2p8affineqb). Subnormals, zero and NaN
// come by look-up in 64 bytes. 14 vector instructions for 64 codes, of which 3 permute; look-up of all codes
// in 128 bytes (e4m3_words.h) takes 8 permutes of two to three operations each on Intel.
#include <immintrin.h>

#include "backends/cpu/kernels/product/e4m3_words.h"
#include "backends/cpu/kernels/product/stripe.h"
#include "backends/cpu/kernels/product/transpose16.h"

namespace tamis::cpu {
namespace {

#define TAMIS_INLINE inline __attribute__((always_inline))

// Byte 7 - i of a matrix of gf2p8affineqb makes bit i of the result, from the bits of the code in it.
constexpr long long kHighByte = 0x1020404040404080;  // e1, e2, not e3 four times (0x3c turns them), e3, sign
constexpr long long kLowByte = 0x0000000001020408;   // mantissa, e0

// Codes 0 to 7 and, by its low six bits, NaN.
struct SpecialBytes {
  alignas(64) std::uint8_t low[64] = {}, high[64] = {};
};
constexpr SpecialBytes special_bytes() {
  SpecialBytes bytes{};
  const e4m3_words::Words words = e4m3_words::all_words();
  for (int code = 0; code < 8; ++code) {
    bytes.low[code] = static_cast<std::uint8_t>(words.at[code] & 0xff);
    bytes.high[code] = static_cast<std::uint8_t>(words.at[code] >> 8);
  }
  bytes.low[63] = words.at[127] & 0xff;
  bytes.high[63] = words.at[127] >> 8;
  return bytes;
}
constexpr SpecialBytes kSpecial = special_bytes();

// 32 bf16 of the even and of the odd bytes of 64 codes.
struct Parities {
  __m512i even, odd;
};

TAMIS_INLINE Parities widen_codes(__m512i codes) {
  const __m512i twice = _mm512_add_epi8(_mm512_add_epi8(codes, codes), _mm512_set1_epi8(2));
  const __mmask64 special = _mm512_cmplt_epu8_mask(twice, _mm512_set1_epi8(0x12));
  __m512i high = _mm512_gf2p8affine_epi64_epi8(codes, _mm512_set1_epi64(kHighByte), 0x3c);
  __m512i low = _mm512_gf2p8affine_epi64_epi8(codes, _mm512_set1_epi64(kLowByte), 0);
  high = _mm512_mask_permutexvar_epi8(high, special, codes, _mm512_load_si512(kSpecial.high));
  low = _mm512_mask_permutexvar_epi8(low, special, codes, _mm512_load_si512(kSpecial.low));
  high = _mm512_ternarylogic_epi32(high, codes, _mm512_set1_epi8(-128), 0xf8);  // the sign of looked-up ones
  const __m512i first = _mm512_set1_epi16(0x00ff);
  // first ? low : high, of bytes moved to their words.
  return {_mm512_ternarylogic_epi32(first, low, _mm512_slli_epi16(high, 8), 0xca),
          _mm512_ternarylogic_epi32(first, _mm512_srli_epi16(low, 8), high, 0xca)};
}

struct WordOrder {
  alignas(64) std::uint16_t at[32];
};
constexpr WordOrder every_other(int first) {
  WordOrder order{};
  for (int i = 0; i < 32; ++i) order.at[i] = static_cast<std::uint16_t>(2 * i + first);
  return order;
}
constexpr WordOrder kEvenWords = every_other(0), kOddWords = every_other(1);

TAMIS_INLINE Parities split_words(__m512i low, __m512i high) {
  return {_mm512_permutex2var_epi16(low, _mm512_load_si512(kEvenWords.at), high),
          _mm512_permutex2var_epi16(low, _mm512_load_si512(kOddWords.at), high)};
}

__mmask64 first_bytes(std::int64_t n) { return n >= 64 ? ~0ull : n <= 0 ? 0 : (1ull << n) - 1; }

TAMIS_INLINE void store_parities(const Parities& words, std::uint16_t* dst, std::int64_t step_codes) {
  _mm512_storeu_si512(dst, words.even);
  _mm512_storeu_si512(dst + step_codes, words.odd);
}

template <WeightFormat format>
TAMIS_INLINE void widen_row(const std::byte* row, const StripeRows& stripe, const std::byte* ahead,
                            std::uint16_t* dst) {
  constexpr std::int64_t kSize = format == WeightFormat::kE4M3 ? 1 : 2;
  const std::int64_t step_codes = stripe.halves * kTileSize * kStepCols;
  for (std::int64_t c = 0; c < stripe.cols; c += 64, dst += 2 * step_codes) {
    for (std::int64_t i = 0; i < kSize; ++i) __builtin_prefetch(ahead + kSize * c + 64 * i, 0, 2);
    const std::int64_t left = (stripe.cols - c) * kSize;
    const __m512i first = _mm512_maskz_loadu_epi8(first_bytes(left), row + kSize * c);
    if constexpr (format == WeightFormat::kE4M3) {
      store_parities(widen_codes(first), dst, step_codes);
    } else {
      const __m512i second = _mm512_maskz_loadu_epi8(first_bytes(left - 64), row + kSize * c + 64);
      store_parities(split_words(first, second), dst, step_codes);
    }
  }
}

template <WeightFormat format>
void widen_rows(const StripeRows& stripe, std::uint16_t* dst) {
  const std::int64_t bytes = stripe.cols * (format == WeightFormat::kE4M3 ? 1 : 2);
  const std::int64_t steps = (stripe.cols + 63) / 64 * 2, step_codes = stripe.halves * kTileSize * kStepCols;
  for (std::int64_t r = 0; r < kTileSize * stripe.halves; ++r, dst += kStepCols) {
    if (stripe.rows[r] != nullptr) {
      widen_row<format>(stripe.rows[r], stripe, stripe.ahead + r * bytes, dst);
      continue;
    }
    for (std::int64_t step = 0; step < steps; ++step) {
      _mm512_storeu_si512(dst + step * step_codes, _mm512_setzero_si512());
    }
  }
}

}  // namespace

void widen_stripe_avx512(const StripeRows& stripe, std::uint16_t* dst) {
  if (stripe.format == WeightFormat::kE4M3) return widen_rows<WeightFormat::kE4M3>(stripe, dst);
  widen_rows<WeightFormat::kBF16>(stripe, dst);
}

void pack_rows_avx512(const PackRows& rows, std::byte* dst) {
  const auto there = static_cast<__mmask16>((1 << rows.count) - 1);
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
    for (int i = 0; i < 16; ++i, dst += 4 * rows.count) _mm512_mask_storeu_epi32(dst, there, even[i]);
    for (int i = 0; i < 16; ++i, dst += 4 * rows.count) _mm512_mask_storeu_epi32(dst, there, odd[i]);
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
