// Sort by counting, without tables: a block per expert reads all ids and counts those of smaller experts (its
// offset) and its own (their ranks). 4 E T topk bytes from L2: 67 MB at 8192 tokens of DeepSeek-V3.2; one
// launch whatever T and E. Each warp ranks one range of ids, so the order depends on the ids alone.
#include "kernels_cuda/common/dependent_launch.cuh"
#include "kernels_cuda/common/reduce.cuh"
#include "kernels_cuda/moe_permute/launch.h"

namespace tamis::cuda {
namespace {

constexpr int kMaxThreads = 1024;

struct Counts {
  int below;  // ids of smaller experts
  int own;
};

template <class Visit>
__device__ void visit_ids(const MoeSortArgs& args, std::int64_t begin, std::int64_t end, const Visit& visit) {
  constexpr int kLoads = 4;  // in flight
  for (std::int64_t base = begin; base < end; base += kLoads * kWarp) {
    std::int32_t ids[kLoads];
#pragma unroll
    for (int j = 0; j < kLoads; ++j) {
      const std::int64_t i = base + j * kWarp + threadIdx.x % kWarp;
      ids[j] = i < end ? args.ids[i / args.topk * args.ids_stride + i % args.topk] : -2;
      if (i < end && (ids[j] < 0 || ids[j] >= args.n_experts)) ids[j] = -1;
    }
#pragma unroll
    for (int j = 0; j < kLoads; ++j) visit(base + j * kWarp + threadIdx.x % kWarp, ids[j]);
  }
}

__global__ void __launch_bounds__(kMaxThreads) moe_sort_kernel(MoeSortArgs args) {
  __shared__ Counts counts[kMaxThreads / kWarp];
  const int expert = static_cast<int>(blockIdx.x), warp = threadIdx.x / kWarp, lane = threadIdx.x % kWarp;
  const std::int64_t pairs = args.tokens * args.topk;
  const std::int64_t share =
      (pairs + blockDim.x - 1) / blockDim.x * kWarp;  // ids of a warp, a multiple of 32
  const std::int64_t begin = min(warp * share, pairs), end = min(begin + share, pairs);
  let_successor_start();
  wait_for_predecessor();
  Counts mine{0, 0};
  visit_ids(args, begin, end, [&](std::int64_t i, std::int32_t id) {
    if (id == -1 && expert == 0) args.row_of[i] = -1;
    mine.below += id >= 0 && id < expert;
    mine.own += id == expert;
  });
  mine = {warp_reduce(mine.below, Sum{}), warp_reduce(mine.own, Sum{})};
  if (lane == 0) counts[warp] = mine;
  __syncthreads();
  int offset = 0, rank = 0, own = 0;
  for (int w = 0; w < static_cast<int>(blockDim.x) / kWarp; ++w) {
    offset += counts[w].below;
    rank += w < warp ? counts[w].own : 0;
    own += counts[w].own;
  }
  if (threadIdx.x == 0) {
    args.offsets[expert] = offset;
    if (expert + 1 == args.n_experts) args.offsets[expert + 1] = offset + own;
  }
  if (mine.own == 0) return;
  visit_ids(args, begin, end, [&](std::int64_t i, std::int32_t id) {
    const unsigned same = __ballot_sync(0xffffffffu, id == expert);
    if (id == expert) args.row_of[i] = offset + rank + __popc(same & ((1u << lane) - 1));
    rank += __popc(same);
  });
}

template <class T>
__global__ void moe_gather_kernel(MoeGatherArgs args, std::int64_t width) {
  const std::int64_t pair = blockIdx.x, row = args.row_of[pair];
  const auto* x = static_cast<const T*>(args.x.data);
  auto* xp = static_cast<T*>(args.xp);
  const std::int64_t stride = args.x.row_stride * width / args.hidden;
  for (std::int64_t i = threadIdx.x; i < width; i += blockDim.x) {
    if (row >= 0) xp[row * width + i] = x[pair / args.topk * stride + i];
    if (pair >= *args.total) xp[pair * width + i] = T{};
  }
}

}  // namespace

cudaError_t moe_sort(const MoeSortArgs& args, cudaStream_t stream) {
  constexpr std::int64_t kIdsPerThread = 4;
  const std::int64_t warps = (args.tokens * args.topk + kIdsPerThread * kWarp - 1) / (kIdsPerThread * kWarp);
  const std::int64_t threads = warps < 1 ? kWarp : warps * kWarp;
  const auto block = static_cast<unsigned>(threads < kMaxThreads ? threads : kMaxThreads);
  return launch(moe_sort_kernel, {static_cast<unsigned>(args.n_experts), block, 0, args.dependent}, stream,
                args);
}

cudaError_t moe_gather(const MoeGatherArgs& args, cudaStream_t stream) {
  if (args.tokens * args.topk == 0 || args.hidden == 0) return cudaSuccess;
  const auto blocks = static_cast<unsigned>(args.tokens * args.topk);
  const std::int64_t bytes = args.x.type == Element::kF32 ? 4 : 2;
  const std::int64_t row = args.hidden * bytes, stride = args.x.row_stride * bytes;
  const auto aligned = [&](std::int64_t to) {
    return row % to == 0 && stride % to == 0 && reinterpret_cast<std::uintptr_t>(args.x.data) % to == 0 &&
           reinterpret_cast<std::uintptr_t>(args.xp) % to == 0;
  };
  if (aligned(16))
    moe_gather_kernel<uint4><<<blocks, 128, 0, stream>>>(args, row / 16);
  else if (bytes == 4)
    moe_gather_kernel<std::uint32_t><<<blocks, 128, 0, stream>>>(args, row / 4);
  else
    moe_gather_kernel<std::uint16_t><<<blocks, 128, 0, stream>>>(args, row / 2);
  return cudaGetLastError();
}

}  // namespace tamis::cuda
