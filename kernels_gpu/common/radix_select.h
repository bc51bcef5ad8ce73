// Selection of the k best of a row's items by a block: radix selection on the 32-bit sortable key of their
// scores.
//
// Three histograms (11, 11 and 10 bits, high bits first) in local memory narrow the key of rank k down to all
// its bits; a last pass in ascending order takes every better key and, of the equal ones, the first that
// still fit, which is the tie order of topk_select's contract. Counts are integers, so the order in which
// lanes add to them does not matter. Items are read four times. 8 KB of local memory.
//
// Row: `n` items, score(i) of one; in the last pass item(i) reads what take(place, item) puts to its place,
// of the chosen in ascending order. Places never pass the item's own number, and an item is read before any
// later one is put: a row may be narrowed in place.
#pragma once

#include "core/numeric/sortable_key.h"
#include "kernels_gpu/common/wave.h"

namespace tamis::gpu {

using numeric::sortable_key;

inline constexpr int kSelectBins = 1 << 11;

// The bits of the key of rank k that are known, and its rank among the keys that share them.
struct Threshold {
  std::uint32_t prefix = 0, known = 0;
  std::int64_t wanted = 0;
};

// A digit of the key, the highest first.
struct Digit {
  int shift, bits;
};
__device__ inline Digit digit_of(int round) {
  return {round == 0 ? 21 : round == 1 ? 10 : 0, round == 2 ? 10 : 11};
}

template <class Row>
__device__ void count_digits(const Row& row, const Threshold& threshold, Digit digit, unsigned* counts) {
  const std::uint32_t mask = (1u << digit.bits) - 1;
  for (int bin = static_cast<int>(threadIdx.x); bin < kSelectBins; bin += static_cast<int>(blockDim.x)) {
    counts[bin] = 0;
  }
  __syncthreads();
  for (std::int64_t i = threadIdx.x; i < row.n; i += blockDim.x) {
    const std::uint32_t key = sortable_key(row.score(i));
    if ((key & threshold.known) == threshold.prefix) atomicAdd(&counts[(key >> digit.shift) & mask], 1u);
  }
  __syncthreads();
}

// Narrows `threshold` by one digit. Each thread owns a run of bins, counted from the highest down.
__device__ inline void narrow(const unsigned* counts, Digit digit, Threshold& threshold) {
  __shared__ int found_bin;
  __shared__ int found_before;
  const int bins = 1 << digit.bits,
            per_thread = (bins + static_cast<int>(blockDim.x) - 1) / static_cast<int>(blockDim.x);
  const int first = bins - 1 - static_cast<int>(threadIdx.x) * per_thread;
  int mine = 0;
  for (int i = 0; i < per_thread && first - i >= 0; ++i) mine += static_cast<int>(counts[first - i]);
  int total;
  int before = block_prefix_sum(mine, total);
  if (before < threshold.wanted && threshold.wanted <= before + mine) {
    int bin = first;
    while (before + static_cast<int>(counts[bin]) < threshold.wanted)
      before += static_cast<int>(counts[bin--]);
    found_bin = bin;
    found_before = before;
  }
  __syncthreads();
  threshold.wanted -= found_before;
  threshold.prefix |= static_cast<std::uint32_t>(found_bin) << digit.shift;
  threshold.known |= static_cast<std::uint32_t>(bins - 1) << digit.shift;
  __syncthreads();
}

// Puts the chosen items to their places, in ascending order.
template <class Row>
__device__ void collect(const Row& row, const Threshold& threshold, std::int64_t k) {
  std::int64_t chosen = 0, ties_left = threshold.wanted;
  for (std::int64_t tile = 0; chosen < k; tile += blockDim.x) {
    const std::int64_t i = tile + threadIdx.x;
    const bool inside = i < row.n;
    const auto item = row.item(inside ? i : row.n - 1);
    const std::uint32_t key = inside ? sortable_key(row.score(i)) : 0;
    const bool better = inside && key > threshold.prefix, tie = inside && key == threshold.prefix;
    int ties, takes;
    const int ties_before = block_prefix_sum(tie ? 1 : 0, ties);
    const bool taken = better || (tie && ties_before < ties_left);
    const int before = block_prefix_sum(taken ? 1 : 0, takes);
    if (taken) row.take(chosen + before, item);
    chosen += takes;
    ties_left -= ties;
  }
}

// Takes the k best of more than k items. Called by all threads; `counts` holds kSelectBins.
template <class Row>
__device__ void select_best(const Row& row, std::int64_t k, unsigned* counts) {
  Threshold threshold{.wanted = k};
  for (int round = 0; round < 3; ++round) {
    count_digits(row, threshold, digit_of(round), counts);
    narrow(counts, digit_of(round), threshold);
  }
  collect(row, threshold, k);
}

}  // namespace tamis::gpu
