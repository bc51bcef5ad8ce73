// linear of at most 8 tokens on an FP8 weight in the layout row_scales (shaders/common/packed_rows.glsl).
#version 460
#extension GL_GOOGLE_include_directive : require
#include "shaders/linear/arguments.glsl"
#include "shaders/common/packed_rows.glsl"

vec4 load_x_word(uint token, uint word) {
  const uint64_t row = x + token * x_stride;
  return kXType != kE4M3 ? load_word_of(kXType, row, word) : load_rounded_word(row, word);
}

float load_x_scale(uint token, uint group) {
  return kXType != kE4M3 ? 1.0 : Floats(x_scales + 4ul * token * groups).at[group];
}

void store_result(uint token, uint at, float value) { store_float(kYType, y + token * y_stride, at, value); }

void main() {
  const uint first = group_index() * rows_of_group();
  if (first >= outputs) return;
  multiply_packed_rows(PackedMatrix(w, w_scales, w_stride, w_scale_stride), first, kTokens);
}
