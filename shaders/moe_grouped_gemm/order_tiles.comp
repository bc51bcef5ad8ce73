// moe_experts of few copies of tokens: what shaders/moe_permute/order.comp and tiles.comp leave, in one dispatch
// by one work group, and without offsets. A thread per copy counts the copies that come before its own in the
// order of (expert, copy), which is its row, and those of its expert; then the tiles that begin before its row.
// Bound by a few hundred reads of shared memory a thread.
#version 460
#extension GL_GOOGLE_include_directive : require
#include "shaders/common/types.glsl"
#include "shaders/moe_grouped_gemm/entries.glsl"

const uint kThreads = 256;  // also the most copies
layout(local_size_x = 256) in;

layout(constant_id = 0) const uint kTileRows = 1;

layout(push_constant) uniform Arguments {
  uint64_t ids, row_of;                // [tokens, topk]
  uint64_t token_of;                   // [tokens * topk]: of each row, -1 behind the last
  uint64_t list;                       // [entries]
  uint64_t ids_stride, row_of_stride;  // bytes
  uint tokens, topk, experts, entries;
};

const uint kNoExpert = 0xffffffffu;

shared uint expert_of[kThreads];   // of a copy
shared uint tile_begins[kThreads];  // 1: in this row

void main() {
  const uint me = gl_LocalInvocationIndex, copies = tokens * topk, token = me / topk, k = me % topk;
  uint expert = kNoExpert;
  if (me < copies) {
    const int id = Ints(ids + token * ids_stride).at[k];
    if (id >= 0 && uint(id) < experts) expert = uint(id);
  }
  expert_of[me] = expert;
  tile_begins[me] = 0u;
  barrier();
  uint row = 0u, before = 0u, same = 0u, valid = 0u;  // before: of the same expert
  for (uint i = 0u; i < copies; ++i) {
    const uint other = expert_of[i];
    row += other < expert || (other == expert && i < me) ? 1u : 0u;
    before += other == expert && i < me ? 1u : 0u;
    same += other == expert ? 1u : 0u;
    valid += other != kNoExpert ? 1u : 0u;
  }
  const bool begins = expert != kNoExpert && before % kTileRows == 0u;
  if (begins) tile_begins[row] = 1u;
  if (me < copies) {
    Ints(row_of + token * row_of_stride).at[k] = expert != kNoExpert ? int(row) : -1;
    if (expert != kNoExpert) Ints(token_of).at[row] = int(token);
    if (me >= valid) Ints(token_of).at[me] = -1;
  }
  barrier();
  uint tile = 0u, tiles = 0u;
  for (uint i = 0u; i < valid; ++i) {
    tile += i < row ? tile_begins[i] : 0u;
    tiles += tile_begins[i];
  }
  if (begins) Vectors(list).at[tile] = uvec4(expert, row, min(row + kTileRows, row - before + same), 0u);
  if (me >= tiles && me < entries) Vectors(list).at[me] = uvec4(kNoTile, 0u, 0u, 0u);
}
