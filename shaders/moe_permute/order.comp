// The order of moe_permute, the copies of tokens sorted by (expert, token, k-slot): a work group per expert
// reads all ids twice. First each thread counts, in a run of consecutive ids, those of lower experts, which is
// where the expert's rows begin, and its own; then it gives its copies their rows. No group waits for another,
// and the result depends on the ids alone.
//
// E T topk ids are read, from a cache (33 MB at 256 experts and 4096 tokens of 8): bound by that.
#version 460
#extension GL_GOOGLE_include_directive : require
#include "shaders/common/types.glsl"

const uint kThreads = 256;
layout(local_size_x = 256) in;
#include "shaders/common/reduce.glsl"

layout(push_constant) uniform Arguments {
  uint64_t ids, row_of;            // [tokens, topk]
  uint64_t offsets;                // [experts + 1]
  uint64_t token_of;               // [tokens * topk]: of each row, -1 behind the last
  uint64_t ids_stride, row_of_stride;  // bytes
  uint tokens, topk, experts;
};

struct Counts {
  uint lower, mine, valid;
};

Counts count_ids(uint begin, uint end, uint expert) {
  Counts counts = Counts(0u, 0u, 0u);
  for (uint i = begin; i < end; ++i) {
    const int id = Ints(ids + (i / topk) * ids_stride).at[i % topk];
    const bool valid = id >= 0 && uint(id) < experts;
    counts.lower += valid && uint(id) < expert ? 1u : 0u;
    counts.mine += id == int(expert) ? 1u : 0u;
    counts.valid += valid ? 1u : 0u;
  }
  return counts;
}

void give_rows(uint begin, uint end, uint expert, uint row) {
  for (uint i = begin; i < end; ++i) {
    const uint token = i / topk;
    if (Ints(ids + token * ids_stride).at[i % topk] != int(expert)) continue;
    Ints(row_of + token * row_of_stride).at[i % topk] = int(row);
    Ints(token_of).at[row] = int(token);
    ++row;
  }
}

// What is the same for all experts: copies that are not made, and the rows behind the last.
void mark_absent(uint begin, uint end, uint used) {
  for (uint i = begin; i < end; ++i) {
    const uint token = i / topk;
    const int id = Ints(ids + token * ids_stride).at[i % topk];
    if (id < 0 || uint(id) >= experts) Ints(row_of + token * row_of_stride).at[i % topk] = -1;
    if (i >= used) Ints(token_of).at[i] = -1;
  }
}

void main() {
  const uint expert = group_index(), me = gl_LocalInvocationIndex;
  if (expert >= experts) return;
  const uint count = tokens * topk, run = (count + kThreads - 1u) / kThreads;
  const uint begin = min(me * run, count), end = min(begin + run, count);
  const Counts counts = count_ids(begin, end, expert);
  uint lower, mine, valid;
  scan_over_group(counts.lower, lower);
  const uint before = scan_over_group(counts.mine, mine) - counts.mine;
  if (counts.mine > 0u) give_rows(begin, end, expert, lower + before);
  if (me == 0u) Ints(offsets).at[expert + 1u] = int(lower + mine);
  if (expert != 0u) return;
  scan_over_group(counts.valid, valid);
  if (me == 0u) Ints(offsets).at[0] = 0;
  mark_absent(begin, end, valid);
}
