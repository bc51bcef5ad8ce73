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

// A copy: the k-th of a token.
struct Copy {
  uint token, k;
};
Copy copy_at(uint i) { return Copy(i / topk, i % topk); }
void advance(inout Copy at) {
  if (++at.k < topk) return;
  at.k = 0u;
  ++at.token;
}
int id_of(Copy at) { return Ints(ids + at.token * ids_stride).at[at.k]; }
void set_row(Copy at, int row) { Ints(row_of + at.token * row_of_stride).at[at.k] = row; }

struct Counts {
  uint lower, mine, valid;
};

Counts count_ids(uint begin, uint end, uint expert) {
  Counts counts = Counts(0u, 0u, 0u);
  Copy at = copy_at(begin);
  for (uint i = begin; i < end; ++i) {
    const int id = id_of(at);
    const bool valid = id >= 0 && uint(id) < experts;
    counts.lower += valid && uint(id) < expert ? 1u : 0u;
    counts.mine += id == int(expert) ? 1u : 0u;
    counts.valid += valid ? 1u : 0u;
    advance(at);
  }
  return counts;
}

void give_rows(uint begin, uint end, uint expert, uint row) {
  Copy at = copy_at(begin);
  for (uint i = begin; i < end; ++i) {
    if (id_of(at) == int(expert)) {
      set_row(at, int(row));
      Ints(token_of).at[row++] = int(at.token);
    }
    advance(at);
  }
}

// What is the same for all experts: copies that are not made, and the rows behind the last.
void mark_absent(uint begin, uint end, uint used) {
  Copy at = copy_at(begin);
  for (uint i = begin; i < end; ++i) {
    const int id = id_of(at);
    if (id < 0 || uint(id) >= experts) set_row(at, -1);
    if (i >= used) Ints(token_of).at[i] = -1;
    advance(at);
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
