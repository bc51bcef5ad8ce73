// argmax: a work group per row, one pass: bound by reading the logits. Sortable keys compare as integers, so
// ties, signed zeros and NaN need no care; among equal keys the lowest index wins.
#version 460
#extension GL_GOOGLE_include_directive : require
#include "shaders/common/sortable_key.glsl"
#include "shaders/common/types.glsl"

const uint kThreads = 256;
layout(local_size_x = 256) in;
#include "shaders/common/reduce.glsl"

layout(constant_id = 0) const uint kType = 0;

layout(push_constant) uniform Arguments {
  uint64_t logits, token;
  uint64_t stride;  // bytes
  uint rows, width;
};

void main() {
  const uint row = group_index();
  if (row >= rows) return;
  const uint64_t from = logits + row * stride;
  uint best = 0u, index = 0u;  // a row of NaN gives 0
  for (uint i = gl_LocalInvocationIndex; i < width; i += kThreads) {
    const uint key = sortable_key(load_bits(kType, from, i));
    if (key > best) {
      best = key;
      index = i;
    }
  }
  const uint winner = max_over_group(best);
  const uint lowest = ~max_over_group(best == winner && winner > 0u ? ~index : 0u);
  if (gl_LocalInvocationIndex == 0u) Words(token).at[row] = winner > 0u ? lowest : 0u;
}
