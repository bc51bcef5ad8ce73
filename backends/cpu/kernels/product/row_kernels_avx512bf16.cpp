#include "backends/cpu/kernels/product/row_kernels.h"

#include <immintrin.h>

#include "backends/cpu/kernels/common/exp16.h"

namespace tamis::cpu {
namespace {

#define TAMIS_INLINE inline __attribute__((always_inline))

constexpr std::int64_t kGroup = 128;

__mmask16 first_lanes(std::int64_t n) {
  return static_cast<__mmask16>(n >= 16 ? 0xffff : n <= 0 ? 0 : (1 << n) - 1);
}

void codes(const float* row, std::int64_t n, std::uint16_t* codes) {
  for (std::int64_t i = 0; i < n; i += 16) {
    const __mmask16 there = first_lanes(n - i);
    const __m512i high = _mm512_srli_epi32(_mm512_maskz_loadu_epi32(there, row + i), 16);
    _mm256_mask_storeu_epi16(codes + i, there, _mm512_cvtepi32_epi16(high));
  }
}

// numeric::activation_scale.
float scale_of(float amax, bool pow2) {
  const float floored = amax > 1e-4f ? amax : 1e-4f;
  if (!pow2) return floored / 448.0f;
  const float value = floored * (1.0f / 448.0f);
  std::uint32_t bits;
  __builtin_memcpy(&bits, &value, 4);
  bits = ((bits >> 23) + ((bits & 0x7fffffu) != 0 ? 1 : 0)) << 23;
  float scale;
  __builtin_memcpy(&scale, &bits, 4);
  return scale;
}

// numeric::float_to_e4m3 and back.
TAMIS_INLINE __m512 round_e4m3(__m512 value) {
  const __m512i bits = _mm512_castps_si512(value);
  const __m512i magnitude = _mm512_and_si512(bits, _mm512_set1_epi32(0x7fffffff));
  const __mmask16 nan = _mm512_cmpgt_epu32_mask(magnitude, _mm512_set1_epi32(0x7f800000));
  const __m512i clamped = _mm512_min_epu32(magnitude, _mm512_set1_epi32(0x43e00000));  // 448
  const __mmask16 subnormal = _mm512_cmplt_epu32_mask(clamped, _mm512_set1_epi32(0x3c800000));
  // To nearest, ties to even, at the fourth significant bit.
  const __m512i odd = _mm512_and_si512(_mm512_srli_epi32(clamped, 20), _mm512_set1_epi32(1));
  __m512i rounded = _mm512_add_epi32(_mm512_add_epi32(clamped, _mm512_set1_epi32(0x7ffff)), odd);
  rounded = _mm512_and_si512(rounded, _mm512_set1_epi32(static_cast<int>(0xfff00000u)));
  // Adding 2^14 leaves the last place at 2^-9.
  const __m512 big = _mm512_set1_ps(16384.0f);
  const __m512 small = _mm512_sub_ps(_mm512_add_ps(_mm512_castsi512_ps(clamped), big), big);
  rounded = _mm512_mask_mov_epi32(rounded, subnormal, _mm512_castps_si512(small));
  rounded = _mm512_mask_mov_epi32(rounded, nan, _mm512_set1_epi32(0x7fc00000));
  // rounded | (bits & sign)
  return _mm512_castsi512_ps(
      _mm512_ternarylogic_epi32(rounded, bits, _mm512_set1_epi32(static_cast<int>(0x80000000u)), 0xf8));
}

void quantize(const QuantizeRow& q) {
  for (std::int64_t begin = 0; begin < q.n; begin += kGroup) {
    const std::int64_t count = q.n - begin < kGroup ? q.n - begin : kGroup;
    const float* row = q.row + begin;
    __m512 top = _mm512_setzero_ps();
    for (std::int64_t i = 0; i < count; i += 16) {
      // Of a NaN and top: top.
      top = _mm512_max_ps(_mm512_abs_ps(_mm512_maskz_loadu_ps(first_lanes(count - i), row + i)), top);
    }
    const float scale = scale_of(_mm512_reduce_max_ps(top), q.pow2);
    const __m512 by = _mm512_set1_ps(scale);
    for (std::int64_t i = 0; i < count; i += 16) {
      const __mmask16 there = first_lanes(count - i);
      __m512 value = round_e4m3(_mm512_div_ps(_mm512_maskz_loadu_ps(there, row + i), by));
      if (q.scales == nullptr) value = _mm512_mul_ps(value, by);
      const __m512i high = _mm512_srli_epi32(_mm512_castps_si512(value), 16);
      _mm256_mask_storeu_epi16(q.codes + begin + i, there, _mm512_cvtepi32_epi16(high));
    }
    if (q.scales != nullptr) q.scales[begin / kGroup] = scale;
  }
}

void store_bf16(const float* row, std::int64_t n, std::byte* dst) {
  for (std::int64_t i = 0; i < n; i += 16) {
    const __mmask16 there = first_lanes(n - i);
    const auto rounded = (__m256i)_mm512_cvtneps_pbh(_mm512_maskz_loadu_ps(there, row + i));
    _mm256_mask_storeu_epi16(dst + 2 * i, there, rounded);
  }
}

TAMIS_INLINE __m512 round_bf16(__m512 value) {
  return _mm512_castsi512_ps(
      _mm512_slli_epi32(_mm512_cvtepu16_epi32((__m256i)_mm512_cvtneps_pbh(value)), 16));
}

void silu_mul_bf16(const float* gate, const float* up, std::int64_t n, float* product) {
  const __m512 one = _mm512_set1_ps(1.0f);
  for (std::int64_t i = 0; i < n; i += 16) {
    const __mmask16 there = first_lanes(n - i);
    const __m512 g = round_bf16(_mm512_maskz_loadu_ps(there, gate + i));
    const __m512 u = round_bf16(_mm512_maskz_loadu_ps(there, up + i));
    const __m512 e = exp16_nonpositive(_mm512_sub_ps(_mm512_setzero_ps(), _mm512_abs_ps(g)));
    const __mmask16 negative = _mm512_cmp_ps_mask(g, _mm512_setzero_ps(), _CMP_LT_OQ);
    const __m512 share = _mm512_div_ps(_mm512_mask_mov_ps(one, negative, e), _mm512_add_ps(one, e));
    _mm512_mask_storeu_ps(product + i, there, round_bf16(_mm512_mul_ps(_mm512_mul_ps(g, share), u)));
  }
}

void add_weighted_bf16(const float* row, std::int64_t n, float weight, float* sums) {
  const __m512 by = _mm512_set1_ps(weight);
  for (std::int64_t i = 0; i < n; i += 16) {
    const __mmask16 there = first_lanes(n - i);
    const __m512 value = round_bf16(_mm512_maskz_loadu_ps(there, row + i));
    _mm512_mask_storeu_ps(sums + i, there,
                          _mm512_fmadd_ps(by, value, _mm512_maskz_loadu_ps(there, sums + i)));
  }
}

}  // namespace

const RowKernels kRowsAvx512{&codes, &quantize, &store_bf16, &silu_mul_bf16, &add_weighted_bf16};

}  // namespace tamis::cpu
