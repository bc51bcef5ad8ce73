// indexer_topk: a block per token narrows the best so far and a chunk of new scores to the k best
// (kernels_gpu/common/radix_select.h). The best so far stand in ascending order before the chunk, so ties go
// to the lower position, and they are narrowed in place. Reads k + chunk scores four times, from the cache
// behind memory: bound by it, and for few tokens by the barriers of the last pass. 8 KB of local memory. Not
// measured on a card.
#include "kernels_gpu/common/radix_select.h"
#include "kernels_gpu/indexer_topk/keep_best.h"

namespace tamis::gpu {
namespace {

__global__ void __launch_bounds__(1024) keep_best_kernel(KeepBest args) {
  __shared__ unsigned counts[kSelectBins];
  for (std::int64_t row = blockIdx.x; row < args.tokens; row += gridDim.x) {
    const auto narrow = [&](const Candidates& candidates) { select_best(candidates, args.k, counts); };
    const std::int64_t chosen = keep_best_row(args, row, narrow);
    __syncthreads();
    if (chosen >= 0) finish_best(args, row, chosen);
  }
}

}  // namespace

Error launch_keep_best(const KeepBest& args, Stream stream) {
  if (args.tokens == 0) return kNoError;
  const unsigned threads = args.keys_count <= 4096 ? 256 : 1024;
  TAMIS_LAUNCH(keep_best_kernel, dim3(grid_of(args.tokens)), dim3(threads), 0, stream, args);
  return launch_error();
}

}  // namespace tamis::gpu
