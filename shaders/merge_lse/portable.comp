// merge_lse: a work group per (token, head), a thread per value. Bytes: both outputs read, one written: bound
// by memory.
#version 460
#extension GL_GOOGLE_include_directive : require
#include "shaders/common/softmax.glsl"
#include "shaders/common/types.glsl"
#include "shaders/common/vectors.glsl"

const uint kThreads = 128;
layout(local_size_x = 128) in;

layout(constant_id = 0) const uint kAType = 0;
layout(constant_id = 1) const uint kBType = 0;

layout(push_constant) uniform Arguments {
  Vectors3 a, b, out_vectors;
  uint64_t lse_a, lse_b, lse;
  uint64_t lse_a_stride, lse_b_stride;  // bytes
  uint rows, heads, width;              // rows: (token, head)
};

void main() {
  const uint row = group_index();
  if (row >= rows) return;
  const uint token = row / heads, head = row % heads;
  const float of_a = Floats(lse_a + token * lse_a_stride).at[head],
              of_b = Floats(lse_b + token * lse_b_stride).at[head];
  const bool has_a = !is_neg_inf(of_a), has_b = !is_neg_inf(of_b);
  const float top = max(of_a, of_b);
  const float weight_a = !has_a ? 0.0 : of_a == top ? 1.0 : exp(of_a - top);
  const float weight_b = !has_b ? 0.0 : of_b == top ? 1.0 : exp(of_b - top);
  const float total = weight_a + weight_b;
  const float share_a = has_a ? weight_a / total : 0.0, share_b = has_b ? weight_b / total : 0.0;
  const uint64_t from_a = vector_at(a, token, head), from_b = vector_at(b, token, head);
  for (uint i = gl_LocalInvocationIndex; i < width; i += kThreads) {
    float sum = 0.0;
    if (has_a) sum = share_a * load_float(kAType, from_a, i);
    if (has_b) sum = fma(share_b, load_float(kBType, from_b, i), sum);
    store_float(kAType, vector_at(out_vectors, token, head), i, sum);
  }
  if (gl_LocalInvocationIndex == 0u) Floats(lse).at[row] = has_a || has_b ? top + log(total) : neg_inf();
}
