// layer_norm: a work group of 64 threads per row, because the op's rows are short (128 in the indexer). The
// row is read four times, after the first from a cache: bound by memory.
//
// The mean is taken in two steps, because an fp32 mean of values around 64 would already cost half the
// tolerance: differences from a first mean are exact or small, and their mean corrects it.
#version 460
#extension GL_GOOGLE_include_directive : require
#include "shaders/common/types.glsl"

const uint kThreads = 64;
layout(local_size_x = 64) in;
#include "shaders/common/reduce.glsl"

layout(constant_id = 0) const uint kXType = 0;
layout(constant_id = 1) const uint kYType = 0;

layout(push_constant) uniform Arguments {
  uint64_t x, weight, bias, y;
  uint64_t x_stride, y_stride;  // bytes
  uint rows, width;
  float eps;
};

float centred(uint64_t from, uint i, float mean, float rest) {
  precise const float difference = load_float(kXType, from, i) - mean;
  precise const float value = difference - rest;
  return value;
}

void main() {
  const uint row = group_index(), me = gl_LocalInvocationIndex;
  if (row >= rows) return;
  const uint64_t from = x + row * x_stride, to = y + row * y_stride;
  float sum = 0.0;
  for (uint i = me; i < width; i += kThreads) sum += load_float(kXType, from, i);
  const float mean = sum_over_group(sum) / float(width);
  float differences = 0.0;
  for (uint i = me; i < width; i += kThreads) differences += centred(from, i, mean, 0.0);
  const float rest = sum_over_group(differences) / float(width);
  float squares = 0.0;
  for (uint i = me; i < width; i += kThreads) {
    const float value = centred(from, i, mean, rest);
    squares = fma(value, value, squares);
  }
  const float root = inversesqrt(sum_over_group(squares) / float(width) + eps);
  for (uint i = me; i < width; i += kThreads) {
    store_float(kYType, to, i,
                fma(centred(from, i, mean, rest) * root, Floats(weight).at[i], Floats(bias).at[i]));
  }
}
