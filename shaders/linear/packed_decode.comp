// linear of at most 8 tokens on an FP8 weight in the layout row_scales (shaders/common/packed_rows.glsl).
#version 460
#extension GL_GOOGLE_include_directive : require
#include "shaders/linear/arguments.glsl"
#include "shaders/common/packed_rows.glsl"

void load_x_chunk(uint token, uint chunk, out float values[kChunk]) {
  const uint64_t row = x + token * x_stride;
  if (kXType != kE4M3) {
    load_chunk_of(kXType, row, chunk, values);
  } else {
    load_packed_chunk(row, x_scales + 4ul * token * groups, chunk, values);
  }
}

void store_result(uint token, uint at, float value) { store_float(kYType, y + token * y_stride, at, value); }

void main() {
  const uint first = group_index() * kRows;
  if (first >= outputs) return;
  multiply_packed_rows(PackedMatrix(w, w_scales, w_stride, w_scale_stride), first, kTokens);
}
