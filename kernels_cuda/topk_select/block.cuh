// What a block of the sampled topk_select works with: the visible part of a row, sums and scans over the
// block, and a search for the k-th key among keys in registers. No order of threads shows in a result.
#pragma once

#include "core/numeric/sortable_key.h"
#include "kernels_cuda/common/reduce.cuh"
#include "kernels_cuda/topk_select/launch.h"

namespace tamis::cuda::topk {

constexpr int kThreads = 512;
constexpr int kWarps = kThreads / kWarp;
constexpr unsigned kAll = 0xffffffffu;

// The visible part of a row.
struct Row {
  const float* scores;
  std::int32_t n;
};
__device__ __forceinline__ Row row_of(const TopkSelectArgs& args, std::int64_t row) {
  std::int64_t begin = args.ks != nullptr ? args.ks[row] : 0, end = args.ke[row];
  begin = begin < 0 ? 0 : begin;
  end = end > args.width ? args.width : end;
  return {args.scores + row * args.row_stride + begin,
          static_cast<std::int32_t>(end > begin ? end - begin : 0)};
}

struct Shared {
  unsigned sums[2][kWarps];
  std::int32_t count;
  std::int32_t histogram[256];
  std::uint32_t prefix;
  std::int32_t wanted;
};

// Sum over the block; `turn` alternates between calls, so one barrier each is enough.
__device__ __forceinline__ unsigned block_sum(unsigned value, Shared& s, int& turn) {
  const unsigned sum = __reduce_add_sync(kAll, value);
  if (threadIdx.x % kWarp == 0) s.sums[turn][threadIdx.x / kWarp] = sum;
  __syncthreads();
  const unsigned other = s.sums[turn][threadIdx.x % kWarps];
  turn ^= 1;
  // Every half warp holds all partial sums.
  return __reduce_add_sync(kAll, threadIdx.x % kWarp < kWarps ? other : 0u);
}

// A key that at least `wanted` of the keys reach and at most `wanted + slack`, or else the largest that
// `wanted` reach; keys live in registers, kPerThread a thread, padding is 0. At least `wanted` keys reach
// `low`.
template <int kPerThread>
__device__ std::uint32_t kth_key(const std::uint32_t (&keys)[kPerThread], std::uint32_t low,
                                 std::uint32_t wanted, std::uint32_t slack, Shared& s, int& turn) {
  std::uint32_t most = 0;
#pragma unroll
  for (int i = 0; i < kPerThread; ++i) most = max(most, keys[i]);
  most = __reduce_max_sync(kAll, most);
  if (threadIdx.x % kWarp == 0) s.sums[turn][threadIdx.x / kWarp] = most;
  __syncthreads();
  most = __reduce_max_sync(kAll, s.sums[turn][threadIdx.x % kWarps]);
  turn ^= 1;
  std::uint32_t beyond = most + 1;  // fewer than `wanted` reach it
  while (beyond - low > 1) {
    const std::uint32_t middle = low + (beyond - low) / 2;
    unsigned count = 0;
#pragma unroll
    for (int i = 0; i < kPerThread; ++i) count += keys[i] >= middle ? 1u : 0u;
    const unsigned reached = block_sum(count, s, turn);
    if (reached >= wanted) {
      low = middle;
      if (reached <= wanted + slack) break;
    } else {
      beyond = middle;
    }
  }
  return low;
}

// Exclusive sum over the block of two counts below 2^16, packed as (equal << 16 | better).
__device__ inline std::uint32_t block_scan(std::uint32_t value, std::uint32_t& total, Shared& s) {
  const int lane = threadIdx.x % kWarp, warp = threadIdx.x / kWarp;
  std::uint32_t sum = value;
#pragma unroll
  for (int offset = 1; offset < kWarp; offset *= 2) {
    const std::uint32_t other = __shfl_up_sync(kAll, sum, offset);
    if (lane >= offset) sum += other;
  }
  __syncthreads();
  if (lane == kWarp - 1) s.sums[0][warp] = sum;
  __syncthreads();
  std::uint32_t before = 0;
  total = 0;
  for (int w = 0; w < kWarps; ++w) {
    if (w < warp) before += s.sums[0][w];
    total += s.sums[0][w];
  }
  return before + sum - value;
}

}  // namespace tamis::cuda::topk
