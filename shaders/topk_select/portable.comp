// topk_select: radix selection on the 32-bit sortable key, a work group per row.
//
// Four histograms of 8 bits, high bits first, narrow the key of rank k down to all its bits; a last pass in
// ascending order takes every better key, and of the equal ones the first that still fit. So a row is read
// five times, nothing is sorted or copied, and the worst case equals the usual one. Counting does not depend
// on the order of the atomics, so the result is the same in every run.
#version 460
#extension GL_GOOGLE_include_directive : require
#include "shaders/common/sortable_key.glsl"
#include "shaders/common/types.glsl"

const uint kThreads = 256;  // also the number of bins
layout(local_size_x = 256) in;
#include "shaders/common/reduce.glsl"

const uint kPerThread = 4;  // neighbouring scores that a thread takes in the last pass

layout(push_constant) uniform Arguments {
  uint64_t scores, ks, ke, idx, count;  // ks 0: absent
  uint64_t scores_stride, idx_stride;   // bytes
  uint rows, k;
  int width;
};

shared uint bins[kThreads];
shared uint found_bin, found_wanted;

// The key of rank k among n > k scores; `wanted`: how many keys equal to it belong to the best k.
uint find_threshold(uint64_t row, uint n, out uint wanted) {
  const uint me = gl_LocalInvocationIndex;
  uint prefix = 0u, known = 0u;
  wanted = k;
  for (int shift = 24; shift >= 0; shift -= 8) {
    barrier();
    bins[me] = 0u;
    barrier();
    for (uint i = me; i < n; i += kThreads) {
      const uint key = sortable_key(Words(row).at[i]);
      if ((key & known) == prefix) atomicAdd(bins[(key >> shift) & 255u], 1u);
    }
    barrier();
    // From the best bin down: thread t looks at bin 255 - t.
    const uint mine = bins[255u - me];
    uint total;
    const uint upto = scan_over_group(mine, total);
    if (upto >= wanted && upto - mine < wanted) {
      found_bin = 255u - me;
      found_wanted = wanted - (upto - mine);
    }
    barrier();
    prefix |= found_bin << shift;
    known |= 255u << shift;
    wanted = found_wanted;
  }
  return prefix;
}

// The best k of n > k scores, ascending.
void select(uint64_t row, uint n, uint64_t to) {
  uint wanted;
  const uint threshold = find_threshold(row, n, wanted);
  uint better = 0u, equal = 0u;  // seen so far
  for (uint first = 0u; first < n; first += kThreads * kPerThread) {
    const uint begin = first + gl_LocalInvocationIndex * kPerThread;
    uint keys[kPerThread];
    uint counts = 0u;  // better ones in the low half, equal ones in the high half: at most 1024 of each
    for (uint j = 0u; j < kPerThread; ++j) {
      keys[j] = begin + j < n ? sortable_key(Words(row).at[begin + j]) : 0u;
      if (begin + j < n && keys[j] > threshold) counts += 1u;
      if (begin + j < n && keys[j] == threshold) counts += 0x10000u;
    }
    uint total;
    const uint before = scan_over_group(counts, total) - counts;
    uint my_better = better + (before & 0xffffu), my_equal = equal + (before >> 16);
    for (uint j = 0u; j < kPerThread && begin + j < n; ++j) {
      const bool tie = keys[j] == threshold && my_equal < wanted;
      if (tie || keys[j] > threshold) Ints(to).at[my_better + min(my_equal, wanted)] = int(begin + j);
      my_better += keys[j] > threshold ? 1u : 0u;
      my_equal += keys[j] == threshold ? 1u : 0u;
    }
    better += total & 0xffffu;
    equal += total >> 16;
  }
}

void main() {
  const uint row = group_index();
  if (row >= rows) return;
  const int first = ks != 0ul ? clamp(Ints(ks).at[row], 0, width) : 0;
  const int last = min(Ints(ke).at[row], width);
  const uint n = last > first ? uint(last - first) : 0u;
  const uint64_t from = scores + row * scores_stride + 4ul * uint64_t(first), to = idx + row * idx_stride;
  if (n > k) {
    select(from, n, to);
  } else {
    for (uint i = gl_LocalInvocationIndex; i < k; i += kThreads) Ints(to).at[i] = i < n ? int(i) : -1;
  }
  if (gl_LocalInvocationIndex == 0u) Ints(count).at[row] = int(min(n, k));
}
