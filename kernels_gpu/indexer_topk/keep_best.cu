// indexer_topk: a block per token narrows the best so far and a chunk of new scores to the k best
// (kernels_gpu/common/radix_select.h). The best so far stand in ascending order before the chunk, so ties go
// to the lower position, and they are narrowed in place. Reads k + chunk scores four times, from the cache
// behind memory: bound by it, and for few tokens by the barriers of the last pass. 8 KB of local memory. Not
// measured on a card.
#include "kernels_gpu/common/caches.h"
#include "kernels_gpu/common/radix_select.h"
#include "kernels_gpu/indexer_topk/launch.h"

namespace tamis::gpu {
namespace {

struct Item {
  float score;
  std::int32_t position;
};

// The best so far, then the chunk.
struct Candidates {
  float* best;
  std::int32_t* idx;
  std::int64_t kept;  // of them
  const float* scores;
  std::int64_t first_key;
  std::int64_t n;

  __device__ float score(std::int64_t i) const { return i < kept ? best[i] : scores[i - kept]; }
  __device__ Item item(std::int64_t i) const {
    return {score(i), i < kept ? idx[i] : static_cast<std::int32_t>(first_key + i - kept)};
  }
  __device__ void take(std::int64_t place, Item item) const {
    best[place] = item.score;
    idx[place] = item.position;
  }
};

// Positions are chosen: -1 behind them, and where they lie.
__device__ void finish(const KeepBest& args, std::int64_t t, std::int64_t chosen) {
  __syncthreads();
  std::int32_t* idx = args.idx.data + t * args.idx.stride;
  std::int32_t* slots = args.slots.data + t * args.slots.stride;
  const std::int64_t sequence =
      args.sequence.data != nullptr ? args.sequence.data[t * args.sequence.stride] : 0;
  for (std::int64_t i = threadIdx.x; i < args.k; i += blockDim.x) {
    if (i >= chosen) idx[i] = -1;
    slots[i] = i < chosen ? static_cast<std::int32_t>(paged_slot(args.table, sequence, idx[i])) : -1;
  }
  if (threadIdx.x == 0) args.count.data[t * args.count.stride] = static_cast<std::int32_t>(chosen);
}

__global__ void __launch_bounds__(1024) keep_best_kernel(KeepBest args) {
  __shared__ unsigned counts[kSelectBins];
  for (std::int64_t row = blockIdx.x; row < args.tokens; row += gridDim.x) {
    const std::int64_t t = args.first_token + row;
    std::int64_t seen = args.ke.data[t * args.ke.stride];
    seen = seen < 0 ? 0 : seen < args.max_keys ? seen : args.max_keys;
    std::int32_t* idx = args.idx.data + t * args.idx.stride;
    if (seen <= args.k) {  // all of them, unscored
      if (args.first_key != 0) continue;
      for (std::int64_t i = threadIdx.x; i < seen; i += blockDim.x) idx[i] = static_cast<std::int32_t>(i);
      finish(args, t, seen);
      continue;
    }
    if (args.first_key >= seen) continue;
    const std::int64_t kept = args.first_key < args.k ? args.first_key : args.k;
    const std::int64_t left = seen - args.first_key, fresh = left < args.keys_count ? left : args.keys_count;
    const Candidates candidates{
        args.best + row * args.k, idx,         kept, args.scores + row * args.scores_stride,
        args.first_key,           kept + fresh};
    if (candidates.n > args.k) {
      select_best(candidates, args.k, counts);
    } else {
      for (std::int64_t i = kept + threadIdx.x; i < candidates.n; i += blockDim.x) {
        candidates.take(i, candidates.item(i));
      }
    }
    if (left <= args.keys_count) finish(args, t, args.k);
    __syncthreads();
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
