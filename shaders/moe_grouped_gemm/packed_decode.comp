// moe_grouped_gemm of few rows an expert on FP8 weights in the layout row_scales: a work group per entry of the
// list that tiles.comp made, whose tiles are of kTokens rows, and 4 to 16 outputs
// (shaders/common/packed_rows.glsl). Bound by reading the weights of the experts that have rows, once for every
// kTokens of them. Eight experts of a row each, H100 80GB HBM3, driver 580.159.04, 2026-11-22: 7168 to 4096 in
// 100 us, 2.35 TB/s; 2048 to 7168 in 53 us, 2.2 TB/s.
#version 460
#extension GL_GOOGLE_include_directive : require
#include "shaders/moe_grouped_gemm/arguments.glsl"
#include "shaders/common/packed_rows.glsl"

shared uint x_rows[kMaxTokens];

vec4 load_x_word(uint token, uint word) {
  const uint64_t row = x + x_rows[token] * x_stride;
  return kXType != kE4M3 ? load_word_of(kXType, row, word) : load_rounded_word(row, word);
}

float load_x_scale(uint token, uint group) {
  return kXType != kE4M3 ? 1.0 : Floats(x_scales + 4ul * uint64_t(x_rows[token]) * groups).at[group];
}

void store_result(uint token, uint at, float value) {
  store_float(kYType, y + (first_token + token) * y_stride, at, value);
}

void main() {
  const uint across = (outputs + rows_of_group() - 1u) / rows_of_group();
  const uint first = group_index() % across * rows_of_group(), me = gl_LocalInvocationIndex;
  const uvec4 entry = Vectors(list).at[group_index() / across];
  if (entry.x == kNoTile) return;
  first_token = entry.y;
  tokens = entry.z;
  const uint count = tokens - first_token;
  if (entry.x == kTailTile) {
    for (uint i = me; i < rows_of_group() * count; i += kThreads) {
      if (first + i / count < outputs) store_result(i % count, first + i / count, 0.0);
    }
    return;
  }
  if (me < count) x_rows[me] = source_row(first_token + me);
  barrier();
  const WeightRow matrix = row_of_piece(weight.only, entry.x * outputs);
  multiply_packed_rows(
      PackedMatrix(matrix.data, matrix.scales, weight.only.row_bytes, weight.only.scale_stride), first, count);
}
