// linear of at most 8 tokens on an FP8 weight in the layout row_scales: a work group of 64 threads takes four
// outputs for all tokens, its threads the chunks of 16 columns in turn, so that the weight is read once, 16
// bytes a load, and next to nothing else: bound by memory. A chunk lies in one group of 128, so its scale is
// applied to a sum of 16 products.
#version 460
#extension GL_GOOGLE_include_directive : require
#include "shaders/linear/arguments.glsl"

layout(constant_id = 3) const uint kTokens = 8;  // at most 8

const uint kThreads = 64;
const uint kRows = 4;
const uint kMaxTokens = 8;
const uint kChunk = 16;
layout(local_size_x = 64) in;

shared float partial[kRows * kMaxTokens * kThreads];

// The 16 values of a chunk, without the scale.
void decode(uvec4 codes, out float values[kChunk]) {
  for (uint j = 0u; j < kChunk; ++j) {
    values[j] = e4m3_to_float((codes[j / 4u] >> (8u * (j % 4u))) & 255u);
  }
}

void add_chunk(uint first, uint chunk, inout float sums[kRows][kMaxTokens]) {
  const uint column = chunk * kChunk;
  for (uint r = 0u; r < kRows; ++r) {
    const uint row = min(first + r, outputs - 1u);  // rows past the end are computed and not stored
    float values[kChunk];
    decode(Vectors(w + row * w_stride).at[chunk], values);
    const float scale = Floats(w_scales + 4ul * uint64_t(row) * w_scale_stride).at[column / 128u];
    for (uint t = 0u; t < kTokens; ++t) {
      float sum = 0.0;
      for (uint j = 0u; j < kChunk; ++j) {
        if (column + j < width) sum = fma(load_x(t, column + j), values[j], sum);
      }
      sums[r][t] = fma(sum, scale, sums[r][t]);
    }
  }
}

void main() {
  const uint first = group_index() * kRows, me = gl_LocalInvocationIndex;
  if (first >= outputs) return;
  float sums[kRows][kMaxTokens];
  for (uint r = 0u; r < kRows; ++r) {
    for (uint t = 0u; t < kMaxTokens; ++t) sums[r][t] = 0.0;
  }
  for (uint chunk = me; chunk * kChunk < width; chunk += kThreads) add_chunk(first, chunk, sums);
  for (uint r = 0u; r < kRows; ++r) {
    for (uint t = 0u; t < kTokens; ++t) partial[(r * kTokens + t) * kThreads + me] = sums[r][t];
  }
  barrier();
  if (me >= kRows * kTokens || first + me / kTokens >= outputs) return;
  float total = 0.0;
  for (uint i = 0u; i < kThreads; ++i) total += partial[me * kThreads + (i + me) % kThreads];
  store_float(kYType, y + (me % kTokens) * y_stride, first + me / kTokens, total);
}
