// The parts of a token's keys, of sparse_mla or dense_mla, merged: a work group per (token, head), a thread
// per column. Parts come as weighted values, not yet divided, and their softmax states. Bound by reading
// them.
#version 460
#extension GL_GOOGLE_include_directive : require
#include "shaders/common/types.glsl"
#include "shaders/common/softmax.glsl"
#include "shaders/common/vectors.glsl"

const uint kThreads = 128;
layout(local_size_x = 128) in;

layout(constant_id = 0) const uint kOutType = 0;

layout(push_constant) uniform Arguments {
  Vectors3 result;
  uint64_t values, states;          // [rows, parts, c] and [rows, parts, 2]
  uint64_t sink, lse, max_logits;   // sink, max_logits 0: absent
  uint rows, heads, c, parts;       // rows: (token, head)
};

void main() {
  const uint row = group_index();
  if (row >= rows) return;
  const uint64_t state = states + 8ul * row * parts, from = values + 4ul * row * parts * c;
  float top = neg_inf(), sum = 0.0;
  for (uint p = 0u; p < parts; ++p) top = max(top, Floats(state).at[2u * p]);
  for (uint p = 0u; p < parts; ++p) {
    sum = fma(Floats(state).at[2u * p + 1u], rescale_factor(Floats(state).at[2u * p], top), sum);
  }
  RowResult merged = row_result(top, sum);
  if (sink != 0ul) merged = row_result_with_sink(top, sum, Floats(sink).at[row % heads]);
  const uint64_t to = vector_at(result, row / heads, row % heads);
  for (uint i = gl_LocalInvocationIndex; i < c; i += kThreads) {
    float value = 0.0;
    for (uint p = 0u; p < parts; ++p) {
      const float factor = rescale_factor(Floats(state).at[2u * p], top);
      value = fma(Floats(from + 4ul * p * c).at[i], factor, value);
    }
    store_float(kOutType, to, i, value * merged.factor);
  }
  if (gl_LocalInvocationIndex != 0u) return;
  Floats(lse).at[row] = merged.lse;
  if (max_logits != 0ul) Floats(max_logits).at[row] = top;
}
