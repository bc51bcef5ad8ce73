// How the score kernels share work: tokens come in units of kUnit neighbours, a unit falls into runs of
// tokens that see the same sequence, and a run costs as many tiles of 64 keys as its longest token sees. The
// tiles of all runs, one after the other, are cut into equal shares, one a block. Lengths are read on the
// device.
#pragma once

#include <cstdint>

#include "kernels_cuda/indexer_scores/launch.h"

namespace tamis::cuda {

inline constexpr int kTileKeys = 64;

__device__ __forceinline__ int first_key(const IndexerScoresArgs& a, std::int64_t token) {
  if (a.ks == nullptr) return 0;
  const int ks = __ldg(a.ks + token);
  return ks > 0 ? ks : 0;
}

// One past the last visible column; keys are cut to end_column.
__device__ __forceinline__ int end_key(const IndexerScoresArgs& a, std::int64_t token, int first) {
  const int ke = __ldg(a.ke + token);
  const int end = ke < static_cast<int>(a.end_column) ? ke : static_cast<int>(a.end_column);
  return end - first >= static_cast<int>(a.min_keys) && end > first ? end : first;
}

struct Run {
  int count;  // tokens
  int group;  // paged: sequence; ragged: first key row
  int tiles;
};

template <int kUnit>
__device__ __forceinline__ Run run_at(const IndexerScoresArgs& a, int token, int end) {
  int group[kUnit], keys[kUnit];
#pragma unroll
  for (int i = 0; i < kUnit; ++i) {
    const bool in = token + i < end;
    const int first = in ? first_key(a, token + i) : 0;
    const bool has_sequence = in && a.page_table != nullptr && a.seq_of_token != nullptr;
    group[i] = has_sequence ? __ldg(a.seq_of_token + token + i) : first;
    keys[i] = in ? end_key(a, token + i, first) - first : 0;
  }
  Run run{0, group[0], 0};
  int longest = 0;
  bool same = true;
#pragma unroll
  for (int i = 0; i < kUnit; ++i) {
    same = same && token + i < end && group[i] == group[0];
    if (same) run.count = i + 1, longest = max(longest, keys[i]);
  }
  run.tiles = (longest + kTileKeys - 1) / kTileKeys;
  return run;
}

// Where a block's share begins.
struct Share {
  int unit;       // the unit that holds the first tile
  unsigned base;  // tiles before that unit
  unsigned begin, end;
};

// Called by all kThreads threads of a block; `scratch` holds kThreads / 32 + 4 words.
template <int kUnit, int kThreads>
__device__ Share find_share(const IndexerScoresArgs& a, unsigned* scratch) {
  constexpr int kWarps = kThreads / 32;
  const int units = static_cast<int>((a.end_token - a.first_token + kUnit - 1) / kUnit);
  const auto tiles_of = [&](int unit) {
    unsigned tiles = 0;
    if (unit >= units) return tiles;
    int token = static_cast<int>(a.first_token) + unit * kUnit;
    const int end = min(token + kUnit, static_cast<int>(a.end_token));
    while (token < end) {
      const Run run = run_at<kUnit>(a, token, end);
      tiles += run.tiles;
      token += run.count;
    }
    return tiles;
  };
  const int lane = threadIdx.x % 32, warp = threadIdx.x / 32;
  unsigned sum = 0;
  for (int unit = threadIdx.x; unit < units; unit += kThreads) sum += tiles_of(unit);
  sum = __reduce_add_sync(0xffffffffu, sum);
  if (lane == 0) scratch[warp] = sum;
  __syncthreads();
  unsigned total = 0;
  for (int w = 0; w < kWarps; ++w) total += scratch[w];
  Share share;
  share.begin = static_cast<unsigned>(static_cast<std::uint64_t>(total) * blockIdx.x / gridDim.x);
  share.end = static_cast<unsigned>(static_cast<std::uint64_t>(total) * (blockIdx.x + 1) / gridDim.x);
  unsigned before = 0;
  if (threadIdx.x == 0) scratch[kWarps] = 0, scratch[kWarps + 1] = 0;
  for (int first = 0; first < units && before <= share.begin; first += kThreads) {
    const unsigned tiles = tiles_of(first + threadIdx.x);
    unsigned inclusive = tiles;
#pragma unroll
    for (int offset = 1; offset < 32; offset *= 2) {
      const unsigned other = __shfl_up_sync(0xffffffffu, inclusive, offset);
      if (lane >= offset) inclusive += other;
    }
    __syncthreads();
    if (lane == 31) scratch[warp] = inclusive;
    __syncthreads();
    unsigned base = before;
    for (int w = 0; w < kWarps; ++w) {
      if (w < warp) base += scratch[w];
      before += scratch[w];
    }
    base += inclusive - tiles;
    if (tiles > 0 && base <= share.begin && share.begin < base + tiles)
      scratch[kWarps] = first + threadIdx.x, scratch[kWarps + 1] = base;
  }
  __syncthreads();
  share.unit = static_cast<int>(scratch[kWarps]);
  share.base = scratch[kWarps + 1];
  return share;
}

// Calls visit(unit_first_token, token, run, first_tile, end_tile) for every run of the share, in order.
template <int kUnit, class Visit>
__device__ __forceinline__ void walk_share(const IndexerScoresArgs& a, const Share& share, Visit visit) {
  unsigned position = share.begin, base = share.base;
  int unit_first = static_cast<int>(a.first_token) + share.unit * kUnit, token = unit_first;
  while (position < share.end) {
    const Run run = run_at<kUnit>(a, token, min(unit_first + kUnit, static_cast<int>(a.end_token)));
    if (position < base + run.tiles) {
      const int first = static_cast<int>(position - base);
      const int end = static_cast<int>(min(share.end - base, static_cast<unsigned>(run.tiles)));
      visit(unit_first, token, run, first, end);
      position = base + end;
    }
    base += run.tiles;
    token += run.count;
    if (token >= unit_first + kUnit) unit_first += kUnit;
  }
}

// Writes -inf where nothing is visible: columns that no token's tiles cover, and the hidden tails of those
// that they do.
__device__ inline void fill_hidden(const IndexerScoresArgs& a, int thread, int threads) {
  constexpr int kBlock = 1024;
  const std::int64_t per_row = (a.max_keys + kBlock - 1) / kBlock;
  for (std::int64_t b = blockIdx.x; b < (a.end_token - a.first_token) * per_row; b += gridDim.x) {
    const std::int64_t token = a.first_token + b / per_row, begin = b % per_row * kBlock;
    const std::int64_t end = min(begin + kBlock, a.max_keys);
    const int first = first_key(a, token), last = end_key(a, token, first);
    if (first <= begin && last >= end) continue;
    float* row = a.scores + (token - a.first_token) * a.score_stride;
    for (std::int64_t col = begin + thread; col < end; col += threads) {
      if (col < first || col >= last) row[col] = -INFINITY;
    }
  }
}

}  // namespace tamis::cuda
