// The key of a rank among sortable keys, by histograms of its digits in local memory, high bits first. Counts
// are integers, so no order of lanes shows in them.
#pragma once

#include "kernels_gpu/common/wave.h"
#include "kernels_hip/common/matrix_operand.h"

namespace tamis::hip::topk {

inline constexpr int kThreads = 512;

// As a scalar: of a value that all lanes of the wave have, which the compiler does not know.
__device__ inline unsigned uniform(unsigned value) {
  return static_cast<unsigned>(hip::uniform(static_cast<int>(value)));
}
__device__ inline unsigned wave_id() { return uniform(static_cast<unsigned>(gpu::wave_id())); }

// What is known of the key of a rank: keys that exceed `prefix` in the bits of `known` are better, and of the
// `sharing` ones that equal it, `wanted` are of its rank or better.
struct Rank {
  std::uint32_t prefix = 0, known = 0;
  unsigned wanted = 0, sharing = 0;
};

// Takes one digit more into `rank`: the `bits` from `shift` on. Each thread owns a run of bins, counted from
// the highest down.
template <int bits>
__device__ inline void narrow(const unsigned* bins, int shift, Rank& rank) {
  constexpr int kPer = (1 << bits) / kThreads;
  static_assert(kPer > 0);
  __shared__ unsigned found[3];
  const int first = (1 << bits) - 1 - static_cast<int>(threadIdx.x) * kPer;
  unsigned mine = 0, total;
#pragma unroll
  for (int i = 0; i < kPer; ++i) mine += bins[first - i];
  unsigned before = gpu::block_prefix_sum(mine, total);
  if (before < rank.wanted && rank.wanted <= before + mine) {
    int bin = first;
    while (before + bins[bin] < rank.wanted) before += bins[bin--];
    found[0] = static_cast<unsigned>(bin), found[1] = before, found[2] = bins[bin];
  }
  __syncthreads();
  rank.prefix |= uniform(found[0]) << shift;
  rank.wanted -= uniform(found[1]);
  rank.sharing = uniform(found[2]);
}

// Of at least `wanted` keys; keys.each(f) calls f with each key of the calling thread, in the same way every
// time. Stops where all that share what is known, but for `enough`, are of the rank or better. `bins` holds
// 2^bits, and may be used otherwise on return.
template <int bits, class Keys>
__device__ inline Rank find_rank(const Keys& keys, unsigned wanted, unsigned enough, unsigned* bins) {
  Rank rank;
  rank.wanted = wanted;
#pragma unroll 1
  for (int left = 32; left > 0;) {
    const int digit = left < bits ? left : bits;
    const std::uint32_t mask = (1u << digit) - 1;
    left -= digit;
    for (int i = static_cast<int>(threadIdx.x); i < 1 << bits; i += kThreads) bins[i] = 0;
    __syncthreads();
    keys.each([&](std::uint32_t key) {
      if ((key & rank.known) == rank.prefix) atomicAdd(&bins[key >> left & mask], 1u);
    });
    __syncthreads();
    narrow<bits>(bins, left, rank);
    rank.known |= mask << left;
    if (rank.sharing <= rank.wanted + enough) break;
  }
  return rank;
}

}  // namespace tamis::hip::topk
