// The k largest of a buffer of candidates, in place and in their order: the least of them is found bit by
// bit, by counting, and what reaches it moves to the front. 4096 keys lie in the first-level cache.
#include <immintrin.h>

#include "backends/cpu/kernels/indexer/tile.h"

namespace tamis::cpu::indexer {
namespace {

__mmask8 first_lanes(std::int64_t n) { return static_cast<__mmask8>(n >= 8 ? 0xff : (1 << n) - 1); }

__m512i load(const std::uint64_t* keys, __mmask8 there) { return _mm512_maskz_loadu_epi64(there, keys); }

std::int64_t count_from(const std::uint64_t* keys, std::int64_t n, std::uint64_t least) {
  const __m512i from = _mm512_set1_epi64(static_cast<long long>(least)), one = _mm512_set1_epi64(1);
  __m512i counts[2] = {_mm512_setzero_si512(), _mm512_setzero_si512()};
  std::int64_t i = 0;
  for (; i + 16 <= n; i += 16) {
    for (int v = 0; v < 2; ++v) {
      const __mmask8 reach = _mm512_cmpge_epu64_mask(_mm512_loadu_si512(keys + i + 8 * v), from);
      counts[v] = _mm512_mask_add_epi64(counts[v], reach, counts[v], one);
    }
  }
  for (; i < n; i += 8) {
    const __mmask8 there = first_lanes(n - i);
    const __mmask8 reach = _mm512_mask_cmpge_epu64_mask(there, load(keys + i, there), from);
    counts[0] = _mm512_mask_add_epi64(counts[0], reach, counts[0], one);
  }
  return _mm512_reduce_add_epi64(_mm512_add_epi64(counts[0], counts[1]));
}

// The bits in which keys differ, and those that all have.
struct Bits {
  std::uint64_t differ, common;
};
Bits bits_of(const std::uint64_t* keys, std::int64_t n) {
  __m512i all = _mm512_set1_epi64(-1), any = _mm512_setzero_si512();
  for (std::int64_t i = 0; i < n; i += 8) {
    const __mmask8 there = first_lanes(n - i);
    const __m512i key = load(keys + i, there);
    all = _mm512_mask_and_epi64(all, there, all, key);
    any = _mm512_or_epi64(any, key);
  }
  const auto common = static_cast<std::uint64_t>(_mm512_reduce_and_epi64(all));
  return {static_cast<std::uint64_t>(_mm512_reduce_or_epi64(any)) ^ common, common};
}

}  // namespace

std::uint64_t select_keys_avx512(std::uint64_t* keys, std::int64_t n, std::int64_t k) {
  const Bits bits = bits_of(keys, n);
  int bit = 63 - __builtin_clzll(bits.differ | 1);
  // What k keys or more reach, to the last bit that is set.
  std::uint64_t least = bit == 63 ? 0 : bits.common >> (bit + 1) << (bit + 1);
  for (std::int64_t count = n; bit >= 0 && count != k; --bit) {
    const std::uint64_t higher = least | 1ull << bit;
    const std::int64_t reach = count_from(keys, n, higher);
    if (reach >= k) least = higher, count = reach;
  }
  const __m512i from = _mm512_set1_epi64(static_cast<long long>(least));
  __m512i low = _mm512_set1_epi64(-1);
  std::int64_t size = 0;
  for (std::int64_t i = 0; i < n; i += 8) {
    const __mmask8 there = first_lanes(n - i);
    const __m512i key = load(keys + i, there);
    const __mmask8 reach = _mm512_mask_cmpge_epu64_mask(there, key, from);
    low = _mm512_mask_min_epu64(low, reach, low, key);
    const int count = __builtin_popcount(reach);
    _mm512_mask_storeu_epi64(keys + size, first_lanes(count), _mm512_maskz_compress_epi64(reach, key));
    size += count;
  }
  return static_cast<std::uint64_t>(_mm512_reduce_min_epu64(low));
}

}  // namespace tamis::cpu::indexer
