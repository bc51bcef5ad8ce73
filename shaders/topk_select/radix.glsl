// Selection of a row's k best by radix on the sortable key, from memory: what topk_select's shaders share.
// The including shader includes types.glsl, declares kThreads = 256 and `k`.
#include "shaders/common/sortable_key.glsl"
#include "shaders/common/two_level_scan.glsl"

shared uint bins[kThreads];
shared uint found_bin, found_wanted, found_count;

// Which keys are chosen: those from `better` on, and of those equal to `tie` the first `wanted`.
struct Choice {
  uint better, tie, wanted;
};

// Of the counts in bins[], best bin last: finds the one that holds rank `wanted` from the top. All threads call
// it, after a barrier.
void find_bin(uint wanted) {
  const uint me = gl_LocalInvocationIndex;
  const uint mine = bins[255u - me];  // from the best bin down: thread t looks at bin 255 - t
  uint total;
  const uint upto = scan_values_of_group(mine, total);
  if (upto >= wanted && upto - mine < wanted) {
    found_bin = 255u - me;
    found_wanted = wanted - (upto - mine);
    found_count = mine;
  }
  barrier();
}

// The key of rank k among n > k scores: four histograms of 8 bits, high bits first.
Choice find_threshold(uint64_t row, uint n) {
  const uint me = gl_LocalInvocationIndex;
  uint prefix = 0u, known = 0u, wanted = k;
  for (int shift = 24; shift >= 0; shift -= 8) {
    barrier();
    bins[me] = 0u;
    barrier();
    for (uint i = me; i < n; i += kThreads) {
      const uint key = sortable_key(Words(row).at[i]);
      if ((key & known) == prefix) atomicAdd(bins[(key >> shift) & 255u], 1u);
    }
    barrier();
    find_bin(wanted);
    prefix |= found_bin << shift;
    known |= 255u << shift;
    wanted = found_wanted;
  }
  return Choice(prefix + 1u, prefix, wanted);
}

// The chosen ones of n scores, ascending.
void store_chosen(uint64_t row, uint n, Choice choice, uint64_t to) {
  const uint kPerThread = 8;  // neighbouring scores
  uint better = 0u, equal = 0u;  // seen so far
  for (uint first = 0u; first < n && better + min(equal, choice.wanted) < k; first += kThreads * kPerThread) {
    const uint begin = first + gl_LocalInvocationIndex * kPerThread;
    uint keys[kPerThread];
    uint counts = 0u;  // better ones in the low half, equal ones in the high half: at most 2048 of each
    for (uint j = 0u; j < kPerThread; ++j) {
      keys[j] = begin + j < n ? sortable_key(Words(row).at[begin + j]) : 0u;
      if (begin + j < n && keys[j] >= choice.better) counts += 1u;
      if (begin + j < n && keys[j] == choice.tie) counts += 0x10000u;
    }
    uint total;
    const uint before = scan_values_of_group(counts, total) - counts;
    uint my_better = better + (before & 0xffffu), my_equal = equal + (before >> 16);
    for (uint j = 0u; j < kPerThread && begin + j < n; ++j) {
      const bool good = keys[j] >= choice.better, tie = keys[j] == choice.tie;
      if (good || (tie && my_equal < choice.wanted))
        Ints(to).at[my_better + min(my_equal, choice.wanted)] = int(begin + j);
      my_better += good ? 1u : 0u;
      my_equal += tie ? 1u : 0u;
    }
    better += total & 0xffffu;
    equal += total >> 16;
  }
}
