// batched_linear of few tokens on an FP8 weight [h, N, K] in the layout row_scales: a work group per head, eight
// tokens and 4 to 16 outputs (shaders/common/packed_rows.glsl). Bound by reading the weight.
#version 460
#extension GL_GOOGLE_include_directive : require
#include "shaders/batched_linear/arguments.glsl"
#include "shaders/common/packed_rows.glsl"

uint first_token;

vec4 load_x_word(uint token, uint word) {
  const uint64_t row = x_row(first_token + token);
  return kXType != kE4M3 ? load_word_of(kXType, row, word) : load_rounded_word(row, word);
}

float load_x_scale(uint token, uint group) {
  return kXType != kE4M3 ? 1.0 : Floats(x_scale_row(first_token + token)).at[group];
}

void store_result(uint token, uint at, float value) { store_y(first_token + token, at, value); }

void main() {
  const uint across = (outputs + rows_of_group() - 1u) / rows_of_group(), down = (tokens + kTokens - 1u) / kTokens;
  const uint tile = group_index() % (across * down);
  head = group_index() / (across * down);
  if (head >= heads) return;
  first_token = tile / across * kTokens;
  const WeightRow matrix = row_of_piece(weight.only, head * outputs);
  multiply_packed_rows(
      PackedMatrix(matrix.data, matrix.scales, weight.only.row_bytes, weight.only.scale_stride),
      tile % across * rows_of_group(), min(kTokens, tokens - first_token));
}
