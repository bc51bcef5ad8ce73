// One block a row: radix select, eight bits of the sortable key at a time, gives the key of the k-th best and
// how many of its equals belong to the set; a last pass writes the chosen columns in order. Five passes over
// the visible scores. Shared-memory counts are integers, so their order does not matter.
#include "core/numeric/sortable_key.h"
#include "kernels_cuda/common/reduce.cuh"
#include "kernels_cuda/topk_select/launch.h"

namespace tamis::cuda {
namespace {

constexpr int kThreads = 512;
constexpr int kBins = 256;

struct Threshold {
  std::uint32_t key;   // of the k-th best
  std::int32_t equal;  // how many scores with this very key are chosen: those of the lowest columns
};

// Keys whose bits under `mask` are `prefix` are still candidates; `wanted` of them are chosen.
__device__ Threshold find_threshold(const float* scores, std::int32_t n, std::int32_t wanted) {
  __shared__ std::int32_t histogram[kBins];
  __shared__ std::uint32_t shared_prefix;
  __shared__ std::int32_t shared_wanted;
  std::uint32_t prefix = 0, mask = 0;
  for (int shift = 24; shift >= 0; shift -= 8) {
    for (int b = threadIdx.x; b < kBins; b += kThreads) histogram[b] = 0;
    __syncthreads();
    for (std::int32_t i = threadIdx.x; i < n; i += kThreads) {
      const std::uint32_t key = numeric::sortable_key(scores[i]);
      if ((key & mask) == prefix) atomicAdd(&histogram[(key >> shift) & 0xffu], 1);
    }
    __syncthreads();
    if (threadIdx.x == 0) {
      int bin = kBins - 1;
      while (bin > 0 && histogram[bin] < wanted) wanted -= histogram[bin--];
      shared_prefix = prefix | (static_cast<std::uint32_t>(bin) << shift);
      shared_wanted = wanted;
    }
    __syncthreads();
    prefix = shared_prefix;
    wanted = shared_wanted;
    mask |= 0xffu << shift;
    __syncthreads();
  }
  return {prefix, wanted};
}

// Exclusive sum over the block of two small counts, packed as (equal << 16 | better); `total` gets the sum.
__device__ std::uint32_t block_scan(std::uint32_t value, std::uint32_t& total) {
  __shared__ std::uint32_t warps[kThreads / kWarp];
  const int lane = threadIdx.x % kWarp, warp = threadIdx.x / kWarp;
  std::uint32_t sum = value;
#pragma unroll
  for (int offset = 1; offset < kWarp; offset *= 2) {
    const std::uint32_t other = __shfl_up_sync(0xffffffffu, sum, offset);
    if (lane >= offset) sum += other;
  }
  if (lane == kWarp - 1) warps[warp] = sum;
  __syncthreads();
  std::uint32_t before = 0;
  total = 0;
  for (int w = 0; w < kThreads / kWarp; ++w) {
    if (w < warp) before += warps[w];
    total += warps[w];
  }
  __syncthreads();
  return before + sum - value;
}

__global__ void topk_select_kernel(TopkSelectArgs args) {
  const std::int64_t row = blockIdx.x;
  const std::int64_t width = args.width;
  std::int64_t begin = args.ks != nullptr ? args.ks[row] : 0, end = args.ke[row];
  begin = begin < 0 ? 0 : begin;
  end = end > width ? width : end;
  const auto n = static_cast<std::int32_t>(end > begin ? end - begin : 0);
  const float* scores = args.scores + row * args.row_stride + begin;
  std::int32_t* idx = args.idx + row * args.idx_stride;
  const std::int32_t chosen = n < args.k ? n : args.k;
  const Threshold threshold = n > args.k ? find_threshold(scores, n, args.k) : Threshold{0, n};
  std::int32_t written = 0, equal_left = threshold.equal;
  for (std::int32_t base = 0; base < n && written < chosen; base += kThreads) {
    const std::int32_t i = base + static_cast<std::int32_t>(threadIdx.x);
    const std::uint32_t key = i < n ? numeric::sortable_key(scores[i]) : 0;
    const bool better = i < n && key > threshold.key, equal = i < n && key == threshold.key;
    std::uint32_t total = 0;
    const std::uint32_t before =
        block_scan(static_cast<std::uint32_t>(better) | (static_cast<std::uint32_t>(equal) << 16), total);
    const auto better_before = static_cast<std::int32_t>(before & 0xffffu);
    const auto equal_before = static_cast<std::int32_t>(before >> 16);
    const std::int32_t equal_taken = equal_before < equal_left ? equal_before : equal_left;
    if (better || (equal && equal_before < equal_left)) idx[written + better_before + equal_taken] = i;
    const auto all_equal = static_cast<std::int32_t>(total >> 16);
    const std::int32_t taken = all_equal < equal_left ? all_equal : equal_left;
    written += static_cast<std::int32_t>(total & 0xffffu) + taken;
    equal_left -= taken;
  }
  for (std::int32_t i = chosen + static_cast<std::int32_t>(threadIdx.x); i < args.k; i += kThreads)
    idx[i] = -1;
  if (threadIdx.x == 0) args.count[row] = chosen;
}

}  // namespace

cudaError_t topk_select_portable(const TopkSelectArgs& args, cudaStream_t stream) {
  if (args.rows == 0) return cudaSuccess;
  topk_select_kernel<<<static_cast<unsigned>(args.rows), kThreads, 0, stream>>>(args);
  return cudaGetLastError();
}

}  // namespace tamis::cuda
