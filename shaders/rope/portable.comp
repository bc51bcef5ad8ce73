// rope: a work group per token and 16 heads rotates their pairs, then copies the dimensions that do not turn.
// Bytes: x read, y written: bound by memory.
#version 460
#extension GL_GOOGLE_include_directive : require

const uint kThreads = 128;
layout(local_size_x = 128) in;
#include "shaders/common/types.glsl"
#include "shaders/common/rotate_heads.glsl"

layout(constant_id = 0) const uint kType = 0;
layout(constant_id = 1) const uint kInterleaved = 0;

layout(push_constant) uniform Arguments { Rope rope; };

void copy_rest(uint token, uint head, uint last) {
  const uint rest = rope.width - 2u * rope.pairs, count = (last - head) * rest;
  for (uint i = gl_LocalInvocationIndex; i < count; i += kThreads) {
    const uint h = head + i / rest, column = i % rest;
    const uint at = column < rope.begin ? column : column + 2u * rope.pairs;
    store_bits(kType, vector_at(rope.y, token, h), at, load_bits(kType, vector_at(rope.x, token, h), at));
  }
}

void main() {
  const uint parts = (rope.heads + kRopeHeads - 1u) / kRopeHeads;
  const uint token = group_index() / parts, head = group_index() % parts * kRopeHeads;
  if (token >= rope.tokens) return;
  const uint last = min(head + kRopeHeads, rope.heads);
  rotate_heads(rope, kType, kInterleaved != 0u, uvec3(token, head, last));
  copy_rest(token, head, last);
}
