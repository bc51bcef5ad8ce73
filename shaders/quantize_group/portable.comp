// quantize_group: a work group per group, which finds the largest magnitude in shared memory and reads the
// group again, from a cache, to divide it. Bytes: x read, codes and scales written: bound by memory, or by
// the integer arithmetic of rounding to e4m3.
#version 460
#extension GL_GOOGLE_include_directive : require
#include "shaders/common/fp8.glsl"
#include "shaders/common/vectors.glsl"

layout(constant_id = 0) const uint kType = 0;
layout(constant_id = 1) const uint kPow2 = 0;

const uint kThreads = 128;
layout(local_size_x = 128) in;
#include "shaders/common/reduce.glsl"

layout(push_constant) uniform Arguments {
  Vectors3 x, codes;
  uint64_t scales;
  uint vectors, heads, width;
  uint group, groups;  // size of a group; groups of a vector
};

void main() {
  const uint vector = group_index() / groups, part = group_index() % groups;
  if (vector >= vectors) return;
  const uint begin = part * group, end = min(begin + group, width);
  const uint64_t from = vector_at(x, vector / heads, vector % heads),
                 to = vector_at(codes, vector / heads, vector % heads);
  uint most = 0u;
  for (uint i = begin + gl_LocalInvocationIndex; i < end; i += kThreads) {
    const uint value = load_bits(kType, from, i);
    most = max(most, is_nan_bits(value) ? 0u : value & 0x7fffffffu);
  }
  const uint scale = activation_scale_bits(max_over_group(most), kPow2 != 0u);
  for (uint i = begin + gl_LocalInvocationIndex; i < end; i += kThreads) {
    Bytes(to).at[i] = uint8_t(quantize(load_bits(kType, from, i), scale));
  }
  if (gl_LocalInvocationIndex == 0u) Words(scales + 4ul * vector * groups).at[part] = scale;
}
