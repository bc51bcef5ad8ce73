// indexer_topk: a work group per token narrows the best so far and a chunk of new scores to the k best, by
// radix selection on the 32-bit sortable key (as shaders/topk_select/portable.comp). The best so far stand in
// ascending order of position before the chunk, so ties go to the lower position. They are narrowed in place:
// places never pass the item's own number, and a tile of items is read, with a barrier behind it, before any
// of it is put. Scores are read five times, from a cache: bound by it, and for few tokens by the barriers of
// the last pass.
#version 460
#extension GL_GOOGLE_include_directive : require
#include "shaders/common/sortable_key.glsl"
#include "shaders/common/types.glsl"

const uint kThreads = 256;  // also the number of bins
layout(local_size_x = 256) in;
#include "shaders/common/two_level_scan.glsl"

const uint kPerThread = 4;  // neighbouring items that a thread takes in the last pass

layout(push_constant) uniform Arguments {
  uint64_t scores, scores_stride;  // of first_token and first_key
  uint64_t best;                   // [tokens, k]: scores of the best so far, whose positions are in idx
  uint64_t idx, idx_stride, count, ke;
  uint k, max_keys;
  uint first_token, tokens, first_key, keys_count;
};

shared uint bins[kThreads];
shared uint found_bin, found_wanted;

// The best so far, then the chunk.
struct Candidates {
  uint64_t best, idx, scores;
  uint kept, n;
};

uint score_of(Candidates from, uint i) {
  return i < from.kept ? Words(from.best).at[i] : Words(from.scores).at[i - from.kept];
}
int position_of(Candidates from, uint i) {
  return i < from.kept ? Ints(from.idx).at[i] : int(first_key + i - from.kept);
}

// The key of rank k among the candidates, more than k; `wanted`: how many keys equal to it belong to the best
// k.
uint find_threshold(Candidates from, out uint wanted) {
  const uint me = gl_LocalInvocationIndex;
  uint prefix = 0u, known = 0u;
  wanted = k;
  for (int shift = 24; shift >= 0; shift -= 8) {
    barrier();
    bins[me] = 0u;
    barrier();
    for (uint i = me; i < from.n; i += kThreads) {
      const uint key = sortable_key(score_of(from, i));
      if ((key & known) == prefix) atomicAdd(bins[(key >> shift) & 255u], 1u);
    }
    barrier();
    // From the best bin down: thread t looks at bin 255 - t.
    const uint mine = bins[255u - me];
    uint total;
    const uint upto = scan_values_of_group(mine, total);
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

void select(Candidates from) {
  uint wanted;
  const uint threshold = find_threshold(from, wanted);
  uint better = 0u, equal = 0u;  // seen so far
  for (uint first = 0u; first < from.n && better + min(equal, wanted) < k; first += kThreads * kPerThread) {
    const uint begin = first + gl_LocalInvocationIndex * kPerThread;
    uint scores_of[kPerThread], keys[kPerThread];
    int positions[kPerThread];
    uint counts = 0u;  // better ones in the low half, equal ones in the high half: at most 1024 of each
    for (uint j = 0u; j < kPerThread; ++j) {
      const bool inside = begin + j < from.n;
      scores_of[j] = inside ? score_of(from, begin + j) : 0u;
      positions[j] = inside ? position_of(from, begin + j) : 0;
      keys[j] = inside ? sortable_key(scores_of[j]) : 0u;
      if (inside && keys[j] > threshold) counts += 1u;
      if (inside && keys[j] == threshold) counts += 0x10000u;
    }
    memoryBarrierBuffer();  // none of these reads moves behind the barriers of the scan
    uint total;
    const uint before = scan_values_of_group(counts, total) - counts;
    uint my_better = better + (before & 0xffffu), my_equal = equal + (before >> 16);
    for (uint j = 0u; j < kPerThread && begin + j < from.n; ++j) {
      const bool tie = keys[j] == threshold && my_equal < wanted;
      if (tie || keys[j] > threshold) {
        const uint place = my_better + min(my_equal, wanted);
        Words(from.best).at[place] = scores_of[j];
        Ints(from.idx).at[place] = positions[j];
      }
      my_better += keys[j] > threshold ? 1u : 0u;
      my_equal += keys[j] == threshold ? 1u : 0u;
    }
    better += total & 0xffffu;
    equal += total >> 16;
  }
}

void main() {
  const uint row = group_index(), me = gl_LocalInvocationIndex;
  if (row >= tokens) return;
  const uint token = first_token + row;
  const uint seen = min(uint(max(Ints(ke).at[token], 0)), max_keys);
  const uint64_t to = idx + token * idx_stride;
  if (first_key == 0u && me == 0u) Ints(count).at[token] = int(min(seen, k));
  if (seen <= k) {  // all of them, unscored
    for (uint i = me; i < k && first_key == 0u; i += kThreads) Ints(to).at[i] = i < seen ? int(i) : -1;
    return;
  }
  if (first_key >= seen) return;
  const uint kept = min(first_key, k), fresh = min(seen - first_key, keys_count);
  const Candidates from = Candidates(best + 4ul * row * k, to, scores + row * scores_stride, kept, kept + fresh);
  if (from.n > k) {
    select(from);
  } else {
    for (uint i = kept + me; i < from.n; i += kThreads) {
      Words(from.best).at[i] = score_of(from, i);
      Ints(to).at[i] = position_of(from, i);
    }
  }
}
