// Selection of indexer_topk: a block per token narrows the best so far and a chunk of new scores to the k
// best (kernels_hip/common/sampled_select.h), as one row in two parts. Bound by reading the chunk's scores
// once, from the cache behind memory. Not measured on a card.
#include "kernels_gpu/indexer_topk/keep_best.h"
#include "kernels_hip/common/sampled_select.h"
#include "kernels_hip/indexer_topk/launch.h"

namespace tamis::hip {
namespace {

// The arguments, read again: what only the end of the kernel needs takes no registers before. Without, clang
// 22 spills so many scalars that it reserves scratch memory on gfx9.
__device__ inline const gpu::KeepBest& read_again([[maybe_unused]] const gpu::KeepBest& args) {
#if defined(__AMDGCN__)
  auto memory = __builtin_amdgcn_kernarg_segment_ptr();
  asm volatile("" : "+s"(memory));
  return *(const gpu::KeepBest*)memory;  // from the address space of constants
#else
  return args;
#endif
}

__global__ void __launch_bounds__(topk::kThreads, 4) sampled_keep_best_kernel(gpu::KeepBest args) {
  __shared__ topk::Memory memory;
  const auto narrow = [&](const gpu::Candidates& c) {
    const unsigned kept = topk::uniform(static_cast<unsigned>(c.kept));
    const unsigned fresh = topk::uniform(static_cast<unsigned>(c.n - c.kept));
    const auto first = static_cast<std::int32_t>(c.first_key);
    const topk::Row row{{c.best, kept, c.idx, 0}, {c.scores, fresh, nullptr, first}};
    const gpu::Candidates to{c.best, c.idx};
    topk::select(row, static_cast<unsigned>(args.k), memory,
                 [to](unsigned place, std::int32_t item, float score) {
                   to.take(place, {score, item});
                 });
  };
  const std::int64_t chosen = gpu::keep_best_row(args, blockIdx.x, narrow);
  __syncthreads();
  if (chosen >= 0) gpu::finish_best(read_again(args), blockIdx.x, chosen);
}

}  // namespace

gpu::Error launch_keep_best_sampled(const gpu::KeepBest& args, gpu::Stream stream) {
  if (args.tokens == 0) return gpu::kNoError;
  TAMIS_LAUNCH(sampled_keep_best_kernel, dim3(static_cast<unsigned>(args.tokens)), dim3(topk::kThreads), 0,
               stream, args);
  return gpu::launch_error();
}

}  // namespace tamis::hip
