// Activations rounded to e4m3, a work group per row and 128 columns, a thread per value. Rows are those of tokens,
// or of the heads of tokens. Bound by memory: x read once, a code written per value.
#version 460
#extension GL_GOOGLE_include_directive : require
const uint kThreads = 128;
layout(local_size_x = 128) in;
#include "shaders/common/rounded_group.glsl"

layout(constant_id = 0) const uint kXType = 0;

layout(push_constant) uniform Arguments {
  uint64_t x, codes, scales;
  uint64_t x_stride, x_head_stride, codes_stride;  // bytes
  uint rows, heads, width, groups;
};

void main() {
  const uint row = group_index() / groups, group = group_index() % groups;
  if (row >= rows) return;
  const uint i = group * kThreads + gl_LocalInvocationIndex;
  const uint64_t from = x + (row / heads) * x_stride + (row % heads) * x_head_stride;
  store_rounded(codes + row * codes_stride, scales + 4ul * row * groups, i, width,
                i < width ? load_bits(kXType, from, i) : 0u);
}
