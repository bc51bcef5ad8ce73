// topk_select with 8 lanes (vector_select.h). AVX2 has no compress: a table gives the permutation that brings
// the chosen lanes to the front.
#include <immintrin.h>

#include "backends/cpu/kernels/topk_select/vector_select.h"

namespace tamis::cpu::topk {
namespace {

// Byte j of entry m: the j-th lane whose bit is set in m.
struct Orders {
  alignas(64) std::uint64_t at[256];
};
constexpr Orders all_orders() {
  Orders orders{};
  for (unsigned mask = 0; mask < 256; ++mask) {
    int place = 0;
    for (std::uint64_t lane = 0; lane < 8; ++lane) {
      if ((mask >> lane & 1u) != 0) orders.at[mask] |= lane << (8 * place++);
    }
  }
  return orders;
}
constexpr Orders kOrders = all_orders();

struct Avx2 {
  using Float = __m256;
  using Int = __m256i;
  static constexpr std::int64_t kLanes = 8;

  static Int lanes() { return _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7); }
  static Int first(std::int64_t n) {
    return _mm256_cmpgt_epi32(_mm256_set1_epi32(static_cast<int>(n)), lanes());
  }
  static Float load(const float* src) { return _mm256_loadu_ps(src); }
  static Float load_some(const float* src, std::int64_t n) { return _mm256_maskload_ps(src, first(n)); }
  static Int load(const void* src) { return _mm256_loadu_si256(static_cast<const Int*>(src)); }
  static Int load_some(const std::uint32_t* src, std::int64_t n) {
    return _mm256_maskload_epi32(reinterpret_cast<const int*>(src), first(n));
  }
  static void store(std::uint32_t* dst, Int value) {
    _mm256_storeu_si256(reinterpret_cast<Int*>(dst), value);
  }
  static void copy_run(const float* src, float* dst) { _mm256_storeu_ps(dst, _mm256_loadu_ps(src)); }
  static Float set1(float value) { return _mm256_set1_ps(value); }
  static Int set1(std::uint32_t value) { return _mm256_set1_epi32(static_cast<int>(value)); }
  static Int bits(Float value) { return _mm256_castps_si256(value); }
  static Int iota(std::int32_t first) { return _mm256_add_epi32(lanes(), _mm256_set1_epi32(first)); }

  static Int keys(Float scores) {
    const Int plain = bits(_mm256_add_ps(scores, _mm256_setzero_ps()));  // -0 + 0 is +0
    // Negative ones are inverted, others get the highest bit.
    const Int flips = _mm256_or_si256(_mm256_srai_epi32(plain, 31), _mm256_set1_epi32(INT32_MIN));
    return _mm256_and_si256(_mm256_xor_si256(plain, flips), bits(_mm256_cmp_ps(scores, scores, _CMP_ORD_Q)));
  }

  static unsigned mask(Float lanes) { return static_cast<unsigned>(_mm256_movemask_ps(lanes)); }
  static unsigned reach(Float a, Float b) { return mask(_mm256_cmp_ps(a, b, _CMP_GE_OQ)); }
  static unsigned reach(Int a, Int b) {
    return mask(_mm256_castsi256_ps(_mm256_cmpeq_epi32(_mm256_max_epu32(a, b), a)));
  }
  static unsigned beat(Int a, Int b) { return ~reach(b, a) & 0xffu; }

  static Int packed(Int value, unsigned lanes) {
    const __m128i order = _mm_loadl_epi64(reinterpret_cast<const __m128i*>(kOrders.at + lanes));
    return _mm256_permutevar8x32_epi32(value, _mm256_cvtepu8_epi32(order));
  }
  static void append(void* dst, Int value, unsigned lanes) {
    _mm256_storeu_si256(static_cast<Int*>(dst), packed(value, lanes));
  }
  static void append_some(std::int32_t* dst, Int value, unsigned lanes, std::int64_t count) {
    _mm256_maskstore_epi32(dst, first(count), packed(value, lanes));
  }
};

}  // namespace

void select_avx2(const Row& row) { select<Avx2>(row); }

}  // namespace tamis::cpu::topk
