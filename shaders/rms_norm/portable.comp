// rms_norm: a work group per row. The row is read twice, for its sum of squares and for its scaling (the
// second time from a cache), and written once: bound by memory.
#version 460
#extension GL_GOOGLE_include_directive : require
#include "shaders/common/types.glsl"

const uint kThreads = 256;
layout(local_size_x = 256) in;
#include "shaders/common/reduce.glsl"

layout(constant_id = 0) const uint kXType = 0;
layout(constant_id = 1) const uint kYType = 0;

layout(push_constant) uniform Arguments {
  uint64_t x, weight, y;
  uint64_t x_stride, y_stride;  // bytes
  uint rows, width;
  float eps;
};

void main() {
  const uint row = group_index();
  if (row >= rows) return;
  const uint64_t from = x + row * x_stride, to = y + row * y_stride;
  float squares = 0.0;
  for (uint i = gl_LocalInvocationIndex; i < width; i += kThreads) {
    const float value = load_float(kXType, from, i);
    squares = fma(value, value, squares);
  }
  const float root = inversesqrt(sum_over_group(squares) / float(width) + eps);
  for (uint i = gl_LocalInvocationIndex; i < width; i += kThreads) {
    store_float(kYType, to, i, load_float(kXType, from, i) * root * Floats(weight).at[i]);
  }
}
