// What the selections of indexer_topk share: which tokens a chunk concerns, and their outputs.
#pragma once

#include "kernels_gpu/common/caches.h"
#include "kernels_gpu/indexer_topk/launch.h"

namespace tamis::gpu {

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

// The positions of a row are chosen: -1 behind them, and where they lie. Behind a barrier.
__device__ inline void finish_best(const KeepBest& args, std::int64_t row, std::int64_t chosen) {
  const std::int64_t t = args.first_token + row;
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

// Takes a chunk into what a token has so far: narrow(candidates) where they are more than k. `row` counts
// from the chunk's first token. How many are chosen, for finish_best, or -1 while there may be more to come.
template <class Narrow>
__device__ inline std::int64_t keep_best_row(const KeepBest& args, std::int64_t row, const Narrow& narrow) {
  const std::int64_t t = args.first_token + row;
  std::int64_t seen = args.ke.data[t * args.ke.stride];
  seen = seen < 0 ? 0 : seen < args.max_keys ? seen : args.max_keys;
  std::int32_t* idx = args.idx.data + t * args.idx.stride;
  if (seen <= args.k) {  // all of them, unscored
    if (args.first_key != 0) return -1;
    for (std::int64_t i = threadIdx.x; i < seen; i += blockDim.x) idx[i] = static_cast<std::int32_t>(i);
    return seen;
  }
  if (args.first_key >= seen) return -1;
  const std::int64_t kept = args.first_key < args.k ? args.first_key : args.k;
  const std::int64_t left = seen - args.first_key, fresh = left < args.keys_count ? left : args.keys_count;
  const Candidates candidates{
      args.best + row * args.k, idx,         kept, args.scores + row * args.scores_stride,
      args.first_key,           kept + fresh};
  if (candidates.n > args.k) {
    narrow(candidates);
  } else {
    for (std::int64_t i = kept + threadIdx.x; i < candidates.n; i += blockDim.x) {
      candidates.take(i, candidates.item(i));
    }
  }
  return left <= args.keys_count ? args.k : -1;
}

}  // namespace tamis::gpu
