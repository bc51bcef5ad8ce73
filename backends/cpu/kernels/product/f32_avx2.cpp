// f32 kernels, 8 lanes. e4m3 codes become f16 by a shift, as in f32_avx512.cpp.
#include <immintrin.h>

#include "backends/cpu/kernels/product/f32_vectors.h"

namespace tamis::cpu {
namespace {

struct Avx2 {
  using Float = __m256;
  static constexpr std::int64_t kLanes = 8;
  // 12 sums, a weight and 3 activations of 16 registers.
  static constexpr int kTileM = 3, kTileN = 4;
  static constexpr int kRowsNn = 6, kWideNn = 2;  // 12 sums, 2 weights and an activation

  static Float zero() { return _mm256_setzero_ps(); }
  static Float set1(float value) { return _mm256_set1_ps(value); }
  static Float load(const float* src) { return _mm256_loadu_ps(src); }
  static Float load_some(const float* src, std::int64_t n) {
    const __m256i lanes = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
    return _mm256_maskload_ps(src, _mm256_cmpgt_epi32(_mm256_set1_epi32(static_cast<int>(n)), lanes));
  }
  static void store(float* dst, Float value) { _mm256_storeu_ps(dst, value); }
  static Float fma(Float a, Float b, Float c) { return _mm256_fmadd_ps(a, b, c); }
  static Float mul(Float a, Float b) { return _mm256_mul_ps(a, b); }
  // Of each 128 bits, then their halves: as sum_four does, bit for bit.
  static float sum(Float value) {
    const Float pairs = _mm256_add_ps(value, _mm256_permute_ps(value, 0x4e));
    return _mm_cvtss_f32(sum_parts(_mm256_add_ps(pairs, _mm256_permute_ps(pairs, 0xb1))));
  }
  static void sum_four(Float a, Float b, Float c, Float d, float* dst) {
    const Float ab = _mm256_add_ps(_mm256_unpacklo_ps(a, b), _mm256_unpackhi_ps(a, b));
    const Float cd = _mm256_add_ps(_mm256_unpacklo_ps(c, d), _mm256_unpackhi_ps(c, d));
    const __m256d pair = _mm256_castps_pd(ab), other = _mm256_castps_pd(cd);
    _mm_storeu_ps(dst, sum_parts(_mm256_add_ps(_mm256_castpd_ps(_mm256_unpacklo_pd(pair, other)),
                                               _mm256_castpd_ps(_mm256_unpackhi_pd(pair, other)))));
  }
  static __m128 sum_parts(Float value) {
    return _mm_add_ps(_mm256_castps256_ps128(value), _mm256_extractf128_ps(value, 1));
  }

  static bool any_nan(const std::byte* codes) {
    const __m256i mask = _mm256_set1_epi8(0x7f);
    const auto* src = reinterpret_cast<const __m256i*>(codes);
    const __m256i low = _mm256_cmpeq_epi8(_mm256_and_si256(_mm256_loadu_si256(src), mask), mask);
    const __m256i high = _mm256_cmpeq_epi8(_mm256_and_si256(_mm256_loadu_si256(src + 1), mask), mask);
    return _mm256_testz_si256(_mm256_or_si256(low, high), _mm256_set1_epi8(-1)) == 0;
  }

  template <WeightFormat format>
  static Float widen(const std::byte* src, bool checked) {
    if constexpr (format == WeightFormat::kF32) {
      return _mm256_loadu_ps(reinterpret_cast<const float*>(src));
    } else if constexpr (format == WeightFormat::kE4M3) {
      const __m128i codes = _mm_loadl_epi64(reinterpret_cast<const __m128i*>(src));
      const __m128i words = _mm_slli_epi16(_mm_cvtepi8_epi16(codes), 7);
      const Float value = _mm256_cvtph_ps(_mm_and_si128(words, _mm_set1_epi16(-0x4001)));
      if (!checked) return value;
      const __m128i nan = _mm_cmpeq_epi8(_mm_and_si128(codes, _mm_set1_epi8(0x7f)), _mm_set1_epi8(0x7f));
      return _mm256_or_ps(value, _mm256_castsi256_ps(_mm256_cvtepi8_epi32(nan)));  // all ones: a NaN
    } else {
      const __m128i codes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(src));
      if constexpr (format == WeightFormat::kF16) return _mm256_cvtph_ps(codes);
      return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_cvtepu16_epi32(codes), 16));
    }
  }
};

}  // namespace

const F32Kernels kF32Avx2{&vectors::dot<Avx2>, &vectors::widen<Avx2>, &vectors::add_nt<Avx2>,
                          &vectors::add_nn<Avx2>, nullptr};

}  // namespace tamis::cpu
