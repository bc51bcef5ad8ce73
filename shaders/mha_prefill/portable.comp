// mha_prefill: a work group per head, kRows neighbouring tokens and block of columns
// (shaders/common/attention.glsl). Tokens of one sequence share the keys they load. FLOPs 2 (dn + R + dv) a
// (token, head, key); keys and values are read once per kRows tokens, mostly from a cache. Bound by shared
// memory.
//
// Blocks of keys begin at multiples of 32 of the sequence, whatever the tokens, so that a token's result does
// not depend on its neighbours.
#version 460
#extension GL_GOOGLE_include_directive : require
#include "shaders/common/types.glsl"
#include "shaders/common/softmax.glsl"
#include "shaders/common/vectors.glsl"
#include "shaders/common/attention.glsl"
#include "shaders/common/sequences.glsl"

layout(constant_id = 2) const uint kQNopeType = 0;
layout(constant_id = 3) const uint kQRopeType = 0;
layout(constant_id = 4) const uint kKNopeType = 0;
layout(constant_id = 5) const uint kKRopeType = 0;
layout(constant_id = 6) const uint kVType = 0;
layout(constant_id = 7) const uint kOutType = 0;

layout(buffer_reference, std430, buffer_reference_align = 8) readonly buffer Arguments {
  Vectors3 q_nope, q_rope, k_nope, k_rope, v, result;  // k_rope: one head
  uint64_t sequence, lengths, ke, lse;
  uint tokens, heads, rows, sequences;  // rows: of keys
  uint nope, rope, columns;
  float scale;
};
layout(push_constant) uniform Push { Arguments arguments; };

shared uint seen[kRows];  // keys that each token of the run sees

// Tokens [token, token + count) of one sequence, of which all see keys [0, end), and the block of keys.
uint my_head, token, count;
uint first_row, block, end;  // of the sequence; of the block

uint attention_dims() { return arguments.nope + arguments.rope; }

vec4 query4(uint row, uint d) {
  if (row >= count) return vec4(0.0);
  return load_joined4(Joined(vector_at(arguments.q_nope, token + row, my_head),
                             vector_at(arguments.q_rope, token + row, my_head), arguments.nope,
                             attention_dims()),
                      uvec2(kQNopeType, kQRopeType), d);
}

vec4 key4(uint j, uint d) {
  const uint row = first_row + block + j;
  return load_joined4(Joined(vector_at(arguments.k_nope, row, my_head), vector_at(arguments.k_rope, row, 0u),
                             arguments.nope, attention_dims()),
                      uvec2(kKNopeType, kKRopeType), d);
}

vec4 value4(uint j, uint column) {
  const uint64_t row = vector_at(arguments.v, first_row + block + j, my_head);
  vec4 values = vec4(0.0);
  for (uint i = 0u; i < kWidth; ++i) {
    if (column + i < arguments.columns) values[i] = load_float(kVType, row, column + i);
  }
  return values;
}

bool has(uint j) { return block + j < end; }
bool sees(uint row, uint j) { return block + j < seen[row]; }

int sequence_of(uint t) { return Ints(arguments.sequence).at[t]; }

// Makes the run that begins at token `first` and ends with its sequence or at `last`.
void begin_run(uint first, uint last) {
  const int mine = sequence_of(first);
  token = first;
  count = 1u;
  while (first + count < last && sequence_of(first + count) == mine) ++count;
  const bool exists = mine >= 0 && uint(mine) < arguments.sequences;
  first_row = rows_before(arguments.lengths, exists ? uint(mine) : 0u, arguments.rows);
  const uint most = exists ? min(length_of(arguments.lengths, uint(mine)), arguments.rows - first_row) : 0u;
  barrier();
  const uint me = gl_LocalInvocationIndex;
  if (me < kRows) seen[me] = me < count ? min(uint(max(Ints(arguments.ke).at[first + me], 0)), most) : 0u;
  barrier();
  end = 0u;
  for (uint r = 0u; r < kRows; ++r) end = max(end, seen[r]);
}

void store_run(uint column, Attention attention) {
  for (uint r = 0u; r < kRows; ++r) {
    if (r >= count) break;
    const RowResult row = row_result(top_tile[r], sum_tile[r]);
    for (uint i = 0u; i < kWidth; ++i) {
      if (column + i >= arguments.columns) break;
      store_float(kOutType, vector_at(arguments.result, token + r, my_head), column + i,
                  attention.result[r * kWidth + i] * row.factor);
    }
  }
}

void main() {
  const uint width = kThreads * kWidth, column_blocks = (arguments.columns + width - 1u) / width;
  uint item = group_index();
  const uint column_block = item % column_blocks;
  item /= column_blocks;
  my_head = item % arguments.heads;
  const uint first = item / arguments.heads * kRows, last = min(first + kRows, arguments.tokens);
  const uint column = (column_block * kThreads + gl_LocalInvocationIndex) * kWidth;
  for (uint t = first; t < last; t += count) {
    begin_run(t, last);
    Attention attention;
    begin_attention(attention);
    for (block = 0u; block < end; block += kKeys) {
      attend(arguments.scale, column, arguments.columns, attention);
    }
    share_states(attention);
    store_run(column, attention);
    const uint r = gl_LocalInvocationIndex;
    if (column_block == 0u && r < count) {
      const uint64_t at = arguments.lse + 4ul * (uint64_t(t + r) * arguments.heads + my_head);
      Floats(at).at[0] = row_result(top_tile[r], sum_tile[r]).lse;
    }
  }
}
