// add_rms_norm: a work group per row. x and delta are read once, sum and y written once; the second pass
// reads back the rounded sum, each thread what it wrote itself, from a cache: bound by memory.
#version 460
#extension GL_GOOGLE_include_directive : require
#include "shaders/common/types.glsl"

const uint kThreads = 256;
layout(local_size_x = 256) in;
#include "shaders/common/reduce.glsl"

layout(constant_id = 0) const uint kXType = 0;
layout(constant_id = 1) const uint kDeltaType = 0;
layout(constant_id = 2) const uint kYType = 0;

layout(push_constant) uniform Arguments {
  uint64_t x, delta, weight, sum, y;
  uint64_t x_stride, delta_stride, sum_stride, y_stride;  // bytes
  uint rows, width;
  float eps;
};

void main() {
  const uint row = group_index();
  if (row >= rows) return;
  const uint64_t left = x + row * x_stride, right = delta + row * delta_stride;
  const uint64_t stored = sum + row * sum_stride, to = y + row * y_stride;
  float squares = 0.0;
  for (uint i = gl_LocalInvocationIndex; i < width; i += kThreads) {
    store_float(kXType, stored, i, load_float(kXType, left, i) + load_float(kDeltaType, right, i));
    const float value = load_float(kXType, stored, i);
    squares = fma(value, value, squares);
  }
  const float root = inversesqrt(sum_over_group(squares) / float(width) + eps);
  for (uint i = gl_LocalInvocationIndex; i < width; i += kThreads) {
    store_float(kYType, to, i, load_float(kXType, stored, i) * root * Floats(weight).at[i]);
  }
}
