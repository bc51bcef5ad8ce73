// One pass over a row: a threshold from a sample, then what reaches it goes to shared memory.
#pragma once

#include "kernels_cuda/topk_select/block.cuh"

namespace tamis::cuda::topk {

// A score that the k best of n very likely reach, and few others do, from an even sample of the row.
template <int kPerThread>
__device__ float sampled_threshold(const Row& row, int k, Shared& s, int& turn) {
  constexpr int kSample = kPerThread * kThreads;
  std::uint32_t keys[kPerThread];
  const double step = static_cast<double>(row.n - 4) / (kSample / 4);
#pragma unroll
  for (int i = 0; i < kPerThread; ++i) {
    const int at = threadIdx.x + i * kThreads;
    keys[i] = numeric::sortable_key(row.scores[static_cast<std::int64_t>((at / 4) * step) + at % 4]);
  }
  const float expected = static_cast<float>(k) * kSample / static_cast<float>(row.n);
  const auto rank = static_cast<std::uint32_t>(expected + 6.0f * sqrtf(expected) + 2.0f);
  const std::uint32_t key = rank < kSample ? kth_key(keys, 0u, rank, rank / 32, s, turn) : 0u;
  return numeric::bits_float((key & 0x80000000u) != 0 ? key & 0x7fffffffu : ~key);
}

__device__ __forceinline__ void append(std::uint64_t* candidates, int capacity, int at, float score,
                                       std::int32_t index) {
  if (at < capacity)
    candidates[at] =
        static_cast<std::uint64_t>(numeric::float_bits(score)) << 32 | static_cast<std::uint32_t>(index);
}

// Appends the scores in [begin, end) that reach the threshold, in any order; s.count counts them even past
// the capacity.
__device__ inline void collect(const Row& row, std::int32_t begin, std::int32_t end, float threshold,
                               int capacity, std::uint64_t* candidates, Shared& s) {
  const int lane = threadIdx.x % kWarp, warp = threadIdx.x / kWarp;
  const auto misaligned = static_cast<int>(reinterpret_cast<std::uintptr_t>(row.scores + begin) / 4 % 4);
  const std::int32_t body = min(end, begin + (4 - misaligned) % 4);
  constexpr int kLoads = 4, kStep = kWarp * 4 * kLoads;
  const std::int32_t steps = (end - body) / kStep;
  for (std::int32_t step = warp; step < steps; step += kWarps) {
    const std::int32_t first = body + step * kStep + lane * 4;
    float v[kLoads * 4];
#pragma unroll
    for (int j = 0; j < kLoads; ++j) {
      const float4 four = __ldcs(reinterpret_cast<const float4*>(row.scores + first + j * kWarp * 4));
      v[j * 4] = four.x, v[j * 4 + 1] = four.y, v[j * 4 + 2] = four.z, v[j * 4 + 3] = four.w;
    }
    unsigned mask = 0;
#pragma unroll
    for (int i = 0; i < kLoads * 4; ++i) mask |= v[i] >= threshold ? 1u << i : 0u;
    const int mine = __popc(mask);
    int before = mine;
#pragma unroll
    for (int offset = 1; offset < kWarp; offset *= 2) {
      const int other = __shfl_up_sync(kAll, before, offset);
      if (lane >= offset) before += other;
    }
    int base = 0;
    if (lane == kWarp - 1 && before > 0) base = atomicAdd(&s.count, before);
    base = __shfl_sync(kAll, base, kWarp - 1) + before - mine;
#pragma unroll
    for (int i = 0; i < kLoads * 4; ++i) {
      if ((mask >> i & 1u) != 0)
        append(candidates, capacity, base++, v[i], first + i / 4 * kWarp * 4 + i % 4);
    }
  }
  const std::int32_t head = body - begin, tail = body + steps * kStep;
  for (std::int32_t i = threadIdx.x; i < head + end - tail; i += kThreads) {
    const std::int32_t at = i < head ? begin + i : tail + i - head;
    if (row.scores[at] >= threshold) append(candidates, capacity, atomicAdd(&s.count, 1), row.scores[at], at);
  }
}

// All of a short row.
__device__ inline void collect_all(const Row& row, std::uint64_t* candidates, Shared& s) {
  for (std::int32_t i = threadIdx.x; i < row.n; i += kThreads) append(candidates, row.n, i, row.scores[i], i);
  if (threadIdx.x == 0) s.count = row.n;
}

}  // namespace tamis::cuda::topk
