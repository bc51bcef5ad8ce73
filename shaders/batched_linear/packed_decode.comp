// batched_linear of few tokens on an FP8 weight [h, N, K] in the layout row_scales: a work group per head, eight
// tokens and four outputs (shaders/common/packed_rows.glsl). Bound by reading the weight.
#version 460
#extension GL_GOOGLE_include_directive : require
#include "shaders/batched_linear/arguments.glsl"
#include "shaders/common/packed_rows.glsl"

uint first_token;

void load_x_chunk(uint token, uint chunk, out float values[kChunk]) {
  if (kXType != kE4M3) {
    load_chunk_of(kXType, x_row(first_token + token), chunk, values);
  } else {
    load_packed_chunk(x_row(first_token + token), x_scale_row(first_token + token), chunk, values);
  }
}

void store_result(uint token, uint at, float value) { store_y(first_token + token, at, value); }

void main() {
  const uint across = (outputs + kRows - 1u) / kRows, down = (tokens + kTokens - 1u) / kTokens;
  const uint tile = group_index() % (across * down);
  head = group_index() / (across * down);
  if (head >= heads) return;
  first_token = tile / across * kTokens;
  const WeightRow matrix = row_of_piece(weight.only, head * outputs);
  multiply_packed_rows(
      PackedMatrix(matrix.data, matrix.scales, weight.only.row_bytes, weight.only.scale_stride),
      tile % across * kRows, min(kTokens, tokens - first_token));
}
