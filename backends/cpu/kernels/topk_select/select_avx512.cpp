// topk_select with 16 lanes (vector_select.h). vpcompressd goes to a register and is stored whole: to memory
// it is microcode on Zen.
#include <immintrin.h>

#include "backends/cpu/kernels/topk_select/vector_select.h"

namespace tamis::cpu::topk {
namespace {

struct Avx512 {
  using Float = __m512;
  using Int = __m512i;
  static constexpr std::int64_t kLanes = 16;

  static __mmask16 first(std::int64_t n) { return static_cast<__mmask16>((1u << n) - 1); }
  static Float load(const float* src) { return _mm512_loadu_ps(src); }
  static Float load_some(const float* src, std::int64_t n) { return _mm512_maskz_loadu_ps(first(n), src); }
  static Int load(const void* src) { return _mm512_loadu_si512(src); }
  static Int load_some(const std::uint32_t* src, std::int64_t n) {
    return _mm512_maskz_loadu_epi32(first(n), src);
  }
  static void store(std::uint32_t* dst, Int value) { _mm512_storeu_si512(dst, value); }
  static void copy_run(const float* src, float* dst) { _mm256_storeu_ps(dst, _mm256_loadu_ps(src)); }
  static Float set1(float value) { return _mm512_set1_ps(value); }
  static Int set1(std::uint32_t value) { return _mm512_set1_epi32(static_cast<int>(value)); }
  static Int bits(Float value) { return _mm512_castps_si512(value); }
  static Int iota(std::int32_t first) {
    const Int lanes = _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
    return _mm512_add_epi32(lanes, _mm512_set1_epi32(first));
  }

  static Int keys(Float scores) {
    const Int plain = bits(_mm512_add_ps(scores, _mm512_setzero_ps()));  // -0 + 0 is +0
    // Negative ones are inverted, others get the highest bit.
    const Int flips = _mm512_or_si512(_mm512_srai_epi32(plain, 31), _mm512_set1_epi32(INT32_MIN));
    return _mm512_maskz_xor_epi32(_mm512_cmp_ps_mask(scores, scores, _CMP_ORD_Q), plain, flips);
  }

  static unsigned reach(Float a, Float b) { return _mm512_cmp_ps_mask(a, b, _CMP_GE_OQ); }
  static unsigned reach(Int a, Int b) { return _mm512_cmp_epu32_mask(a, b, _MM_CMPINT_NLT); }
  static unsigned beat(Int a, Int b) { return _mm512_cmp_epu32_mask(a, b, _MM_CMPINT_NLE); }

  static void append(void* dst, Int value, unsigned lanes) {
    _mm512_storeu_si512(dst, _mm512_maskz_compress_epi32(static_cast<__mmask16>(lanes), value));
  }
  static void append_some(std::int32_t* dst, Int value, unsigned lanes, std::int64_t count) {
    const Int packed = _mm512_maskz_compress_epi32(static_cast<__mmask16>(lanes), value);
    _mm512_mask_storeu_epi32(dst, first(count), packed);
  }
};

}  // namespace

void select_avx512(const Row& row) { select<Avx512>(row); }

}  // namespace tamis::cpu::topk
