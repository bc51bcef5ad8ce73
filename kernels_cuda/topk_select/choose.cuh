// From candidates, or from a row in memory when they did not fit, to the chosen columns in order.
#pragma once

#include "kernels_cuda/topk_select/block.cuh"

namespace tamis::cuda::topk {

constexpr int kWindow = 32768;  // columns whose chosen bits are in shared memory at a time
constexpr int kWords = kWindow / 32;

struct Choice {
  std::uint32_t key;   // of the k-th best
  std::int32_t equal;  // how many of its equals are chosen: those of the lowest columns
};

// When more scores reach the threshold than are held, it is mostly a plateau of equal scores that the k-th
// best lies on. Gives key 0 if not.
__device__ inline Choice choose_on_plateau(const Row& row, float threshold, int k, Shared& s, int& turn) {
  unsigned better = 0, reached = 0;
#pragma unroll 4
  for (std::int64_t i = threadIdx.x; i < row.n; i += kThreads) {
    better += row.scores[i] > threshold ? 1u : 0u;
    reached += row.scores[i] >= threshold ? 1u : 0u;
  }
  better = block_sum(better, s, turn);
  reached = block_sum(reached, s, turn);
  const auto wanted = static_cast<unsigned>(k);
  if (better >= wanted || reached < wanted) return {0, 0};
  return {numeric::sortable_key(threshold), k - static_cast<std::int32_t>(better)};
}

// Radix select over the row in memory: exact whatever the scores are, four passes.
__device__ inline Choice choose_in_memory(const Row& row, std::int32_t wanted, Shared& s) {
  std::uint32_t prefix = 0, mask = 0;
  for (int shift = 24; shift >= 0; shift -= 8) {
    for (int b = threadIdx.x; b < 256; b += kThreads) s.histogram[b] = 0;
    __syncthreads();
    for (std::int64_t first = 0; first < row.n; first += kThreads) {
      const std::int64_t i = first + threadIdx.x;
      const std::uint32_t key = i < row.n ? numeric::sortable_key(row.scores[i]) : 0;
      const bool counts = i < row.n && (key & mask) == prefix;
      const unsigned bin = key >> shift & 0xffu, first_bin = __shfl_sync(kAll, bin, 0);
      // Neighbours often share a bin: one addition for all of them.
      if (__all_sync(kAll, counts && bin == first_bin)) {
        if (threadIdx.x % kWarp == 0) atomicAdd(&s.histogram[bin], kWarp);
      } else if (counts) {
        atomicAdd(&s.histogram[bin], 1);
      }
    }
    __syncthreads();
    if (threadIdx.x == 0) {
      int bin = 255;
      while (bin > 0 && s.histogram[bin] < wanted) wanted -= s.histogram[bin--];
      s.prefix = prefix | static_cast<std::uint32_t>(bin) << shift;
      s.wanted = wanted;
    }
    __syncthreads();
    prefix = s.prefix;
    wanted = s.wanted;
    mask |= 0xffu << shift;
    __syncthreads();
  }
  return {prefix, wanted};
}

// Writes chosen columns, ascending, as bitmaps of windows of columns come in order.
struct Writer {
  std::int32_t* out;  // [k], shared memory or the result
  std::int32_t written, equal_left;

  __device__ void window(const std::uint32_t* better, const std::uint32_t* equal, std::int32_t first,
                         Shared& s) {
    constexpr int kPer = kWords / kThreads;
    std::uint32_t b[kPer], e[kPer], counts = 0, total;
#pragma unroll
    for (int i = 0; i < kPer; ++i) {
      b[i] = better[threadIdx.x * kPer + i], e[i] = equal[threadIdx.x * kPer + i];
      counts += static_cast<std::uint32_t>(__popc(b[i]) + (__popc(e[i]) << 16));
    }
    const std::uint32_t before = block_scan(counts, total, s);
    auto equals = static_cast<std::int32_t>(before >> 16);
    std::int32_t at = written + static_cast<std::int32_t>(before & 0xffffu) + min(equals, equal_left);
#pragma unroll
    for (int i = 0; i < kPer; ++i) {
      for (std::uint32_t bits = b[i] | e[i]; bits != 0; bits &= bits - 1) {
        const int bit = __ffs(static_cast<int>(bits)) - 1;
        const bool tie = (e[i] >> bit & 1u) != 0;
        if (!tie || equals < equal_left)
          out[at++] = first + (static_cast<int>(threadIdx.x) * kPer + i) * 32 + bit;
        equals += tie ? 1 : 0;
      }
    }
    const std::int32_t taken = min(static_cast<std::int32_t>(total >> 16), equal_left);
    written += static_cast<std::int32_t>(total & 0xffffu) + taken;
    equal_left -= taken;
  }
};

__device__ inline void clear_bits(std::uint32_t* bits) {
  for (int i = threadIdx.x; i < 2 * kWords; i += kThreads) bits[i] = 0;
}

// The chosen columns when every candidate is in shared memory; their keys are `low` or better. `out` may
// overlay the candidates.
template <int kPerThread>
__device__ void choose_candidates(const std::uint64_t* candidates, std::int32_t n, std::uint32_t low, int k,
                                  std::int32_t row_n, std::uint32_t* bits, std::int32_t* out, Shared& s) {
  std::uint32_t keys[kPerThread], index[kPerThread];
#pragma unroll
  for (int i = 0; i < kPerThread; ++i) {
    const int at = threadIdx.x + i * kThreads;
    const std::uint64_t candidate = at < n ? candidates[at] : 0;
    keys[i] =
        at < n ? numeric::sortable_key(numeric::bits_float(static_cast<std::uint32_t>(candidate >> 32))) : 0;
    index[i] = at < n ? static_cast<std::uint32_t>(candidate) : kAll;
  }
  int turn = 0;
  const std::uint32_t threshold = kth_key(keys, low, static_cast<std::uint32_t>(k), 0u, s, turn);
  // Not always the k-th key: when exactly k reach it, the search stops early.
  unsigned better = 0;
#pragma unroll
  for (int i = 0; i < kPerThread; ++i) better += keys[i] > threshold && index[i] != kAll ? 1u : 0u;
  better = block_sum(better, s, turn);
  Writer writer{out, 0, k - static_cast<std::int32_t>(better)};
  for (std::int64_t first = 0; first < row_n && writer.written < k; first += kWindow) {
    __syncthreads();
    clear_bits(bits);
    __syncthreads();
#pragma unroll
    for (int i = 0; i < kPerThread; ++i) {
      const std::uint32_t at = index[i] - static_cast<std::uint32_t>(first);
      if (index[i] == kAll || at >= kWindow || keys[i] < threshold) continue;
      atomicOr(&bits[(keys[i] > threshold ? 0 : kWords) + at / 32], 1u << at % 32);
    }
    __syncthreads();
    writer.window(bits, bits + kWords, static_cast<std::int32_t>(first), s);
  }
}

// The same for a row in memory, after choose_in_memory.
__device__ inline void choose_scanned(const Row& row, const Choice& choice, int k, std::uint32_t* bits,
                                      std::int32_t* out, Shared& s) {
  Writer writer{out, 0, choice.equal};
  for (std::int64_t first = 0; first < row.n && writer.written < k; first += kWindow) {
    __syncthreads();
    for (int i = threadIdx.x; i < kWindow; i += kThreads) {
      const bool in = i < row.n - first;
      const std::uint32_t key = in ? numeric::sortable_key(row.scores[first + i]) : 0;
      const unsigned better = __ballot_sync(kAll, in && key > choice.key);
      const unsigned equal = __ballot_sync(kAll, in && key == choice.key);
      if (i % 32 == 0) bits[i / 32] = better, bits[kWords + i / 32] = equal;
    }
    __syncthreads();
    writer.window(bits, bits + kWords, static_cast<std::int32_t>(first), s);
  }
}

}  // namespace tamis::cuda::topk
