// f32 kernels, 16 lanes. e4m3 codes become f16 by a shift (sign, 4 exponent and 3 mantissa bits in the places
// of f16's sign, low exponent and high mantissa bits; subnormals stay subnormals), and vcvtph2ps does the
// rest: 4 instructions for 16 codes, and no VBMI.
#include <immintrin.h>

#include "backends/cpu/kernels/product/f32_vectors.h"
#include "backends/cpu/kernels/product/transpose16.h"

namespace tamis::cpu {
namespace {

struct Avx512 {
  using Float = __m512;
  static constexpr std::int64_t kLanes = 16;
  // 24 sums, 6 weights and an activation of 32 registers; 10 loads for 24 multiply-adds.
  static constexpr int kTileM = 4, kTileN = 6;
  static constexpr int kRowsNn = 6, kWideNn = 4;  // 24 sums, 4 weights and an activation

  static Float zero() { return _mm512_setzero_ps(); }
  static Float set1(float value) { return _mm512_set1_ps(value); }
  static Float load(const float* src) { return _mm512_loadu_ps(src); }
  static Float load_some(const float* src, std::int64_t n) {
    return _mm512_maskz_loadu_ps(static_cast<__mmask16>((1u << n) - 1), src);
  }
  static void store(float* dst, Float value) { _mm512_storeu_ps(dst, value); }
  static Float fma(Float a, Float b, Float c) { return _mm512_fmadd_ps(a, b, c); }
  static Float mul(Float a, Float b) { return _mm512_mul_ps(a, b); }
  // Of each 128 bits, then their halves: as sum_four does, bit for bit.
  static float sum(Float value) {
    const Float pairs = _mm512_add_ps(value, _mm512_permute_ps(value, 0x4e));
    return _mm_cvtss_f32(sum_parts(_mm512_add_ps(pairs, _mm512_permute_ps(pairs, 0xb1))));
  }
  static void sum_four(Float a, Float b, Float c, Float d, float* dst) {
    const Float ab = _mm512_add_ps(_mm512_unpacklo_ps(a, b), _mm512_unpackhi_ps(a, b));
    const Float cd = _mm512_add_ps(_mm512_unpacklo_ps(c, d), _mm512_unpackhi_ps(c, d));
    const __m512d pair = _mm512_castps_pd(ab), other = _mm512_castps_pd(cd);
    _mm_storeu_ps(dst, sum_parts(_mm512_add_ps(_mm512_castpd_ps(_mm512_unpacklo_pd(pair, other)),
                                               _mm512_castpd_ps(_mm512_unpackhi_pd(pair, other)))));
  }
  static __m128 sum_parts(Float value) {
    const __m256 half = _mm256_add_ps(_mm512_castps512_ps256(value), _mm512_extractf32x8_ps(value, 1));
    return _mm_add_ps(_mm256_castps256_ps128(half), _mm256_extractf128_ps(half, 1));
  }

  static bool any_nan(const std::byte* codes) {
    const __m512i magnitude = _mm512_and_si512(_mm512_loadu_si512(codes), _mm512_set1_epi8(0x7f));
    return _mm512_cmpeq_epi8_mask(magnitude, _mm512_set1_epi8(0x7f)) != 0;
  }

  template <WeightFormat format>
  static Float widen(const std::byte* src, bool checked) {
    if constexpr (format == WeightFormat::kF32) {
      return _mm512_loadu_ps(src);
    } else if constexpr (format == WeightFormat::kE4M3) {
      const __m128i codes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(src));
      const __m256i words = _mm256_slli_epi16(_mm256_cvtepi8_epi16(codes), 7);
      const Float value = _mm512_cvtph_ps(_mm256_and_si256(words, _mm256_set1_epi16(-0x4001)));
      if (!checked) return value;
      const __mmask16 nan =
          _mm_cmpeq_epi8_mask(_mm_and_si128(codes, _mm_set1_epi8(0x7f)), _mm_set1_epi8(0x7f));
      return _mm512_mask_blend_ps(nan, value, _mm512_set1_ps(__builtin_nanf("")));
    } else {
      const __m256i codes = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(src));
      if constexpr (format == WeightFormat::kF16) return _mm512_cvtph_ps(codes);
      return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(codes), 16));
    }
  }
};

void transpose(const TransposeRows& t) {
  for (std::int64_t r = 0; r < t.rows; r += 16) {
    for (std::int64_t c = 0; c < t.cols; c += 16) {
      __m512i v[16];
#pragma GCC unroll 16
      for (int i = 0; i < 16; ++i) v[i] = _mm512_loadu_si512(t.src + (r + i) * t.ld + c);
      transpose16(v);
#pragma GCC unroll 16
      for (int i = 0; i < 16; ++i) _mm512_storeu_si512(t.dst + (c + i) * 64 + r, v[i]);
    }
  }
}

}  // namespace

const F32Kernels kF32Avx512{&vectors::dot<Avx512>, &vectors::widen<Avx512>, &vectors::add_nt<Avx512>,
                            &vectors::add_nn<Avx512>, &transpose};

}  // namespace tamis::cpu
