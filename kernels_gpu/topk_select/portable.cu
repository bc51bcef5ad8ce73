// topk_select: radix selection on the 32-bit sortable key, a block per row.
//
// Three histograms (11, 11 and 10 bits, high bits first) in local memory narrow the key of rank k down to all
// its bits; a last pass in ascending order takes every better key and, of the equal ones, the first that
// still fit, which is the tie order of the contract. Counts are integers, so the order in which lanes add to
// them does not matter. A row is read four times: bound by the cache behind memory for long rows, by the
// barriers of the last pass for short ones. 8 KB of local memory. Not measured on a card.
#include "core/numeric/sortable_key.h"
#include "kernels_gpu/common/wave.h"
#include "kernels_gpu/topk_select/launch.h"

namespace tamis::gpu {
namespace {

using numeric::sortable_key;

constexpr int kBins = 1 << 11;

// The visible scores of one row.
struct Visible {
  const float* scores;
  std::int64_t n;
};

// The bits of the key of rank k that are known, and its rank among the keys that share them.
struct Threshold {
  std::uint32_t prefix = 0, known = 0;
  std::int64_t wanted = 0;
};

__device__ std::int64_t clamp(std::int64_t value, std::int64_t low, std::int64_t high) {
  return value < low ? low : value > high ? high : value;
}

// A digit of the key, the highest first.
struct Digit {
  int shift, bits;
};
__device__ Digit digit_of(int round) { return {round == 0 ? 21 : round == 1 ? 10 : 0, round == 2 ? 10 : 11}; }

__device__ void count_digits(const Visible& row, const Threshold& threshold, Digit digit, unsigned* counts) {
  const std::uint32_t mask = (1u << digit.bits) - 1;
  for (int bin = static_cast<int>(threadIdx.x); bin < kBins; bin += static_cast<int>(blockDim.x)) {
    counts[bin] = 0;
  }
  __syncthreads();
  for (std::int64_t i = threadIdx.x; i < row.n; i += blockDim.x) {
    const std::uint32_t key = sortable_key(row.scores[i]);
    if ((key & threshold.known) == threshold.prefix) atomicAdd(&counts[(key >> digit.shift) & mask], 1u);
  }
  __syncthreads();
}

// Narrows `threshold` by one digit. Each thread owns a run of bins, counted from the highest down.
__device__ void narrow(const unsigned* counts, Digit digit, Threshold& threshold) {
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

// Writes the chosen positions in ascending order.
__device__ void collect(const Visible& row, const Threshold& threshold, std::int64_t k, std::int32_t* idx) {
  std::int64_t chosen = 0, ties_left = threshold.wanted;
  for (std::int64_t tile = 0; chosen < k; tile += blockDim.x) {
    const std::int64_t i = tile + threadIdx.x;
    const std::uint32_t key = i < row.n ? sortable_key(row.scores[i]) : 0;
    const bool better = i < row.n && key > threshold.prefix, tie = i < row.n && key == threshold.prefix;
    int ties, takes;
    const int ties_before = block_prefix_sum(tie ? 1 : 0, ties);
    const bool taken = better || (tie && ties_before < ties_left);
    const int before = block_prefix_sum(taken ? 1 : 0, takes);
    if (taken) idx[chosen + before] = static_cast<std::int32_t>(i);
    chosen += takes;
    ties_left -= ties;
  }
}

__global__ void __launch_bounds__(1024) topk_select_kernel(TopkSelect args) {
  __shared__ unsigned counts[kBins];
  for (std::int64_t t = blockIdx.x; t < args.tokens; t += gridDim.x) {
    const std::int64_t ks = args.ks.data != nullptr ? args.ks.data[t * args.ks.stride] : 0;
    const std::int64_t first = clamp(ks, 0, args.width);
    const std::int64_t last = clamp(args.ke.data[t * args.ke.stride], first, args.width);
    const Visible row{args.scores + t * args.scores_stride + first, last - first};
    std::int32_t* idx = args.idx.data + t * args.idx.stride;
    const std::int64_t chosen = row.n < args.k ? row.n : args.k;
    if (row.n > args.k) {
      Threshold threshold{.wanted = args.k};
      for (int round = 0; round < 3; ++round) {
        count_digits(row, threshold, digit_of(round), counts);
        narrow(counts, digit_of(round), threshold);
      }
      collect(row, threshold, args.k, idx);
    } else {
      for (std::int64_t i = threadIdx.x; i < row.n; i += blockDim.x) idx[i] = static_cast<std::int32_t>(i);
    }
    for (std::int64_t i = chosen + threadIdx.x; i < args.k; i += blockDim.x) idx[i] = -1;
    if (threadIdx.x == 0) args.count.data[t * args.count.stride] = static_cast<std::int32_t>(chosen);
  }
}

}  // namespace

Error launch_topk_select(const TopkSelect& args, Stream stream) {
  if (args.tokens == 0) return kNoError;
  const unsigned threads = args.width <= 4096 ? 256 : 1024;
  TAMIS_LAUNCH(topk_select_kernel, dim3(grid_of(args.tokens)), dim3(threads), 0, stream, args);
  return launch_error();
}

}  // namespace tamis::gpu
