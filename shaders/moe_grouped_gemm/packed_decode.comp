// moe_grouped_gemm of few rows an expert on FP8 weights in the layout row_scales: a work group per entry of the
// list that tiles.comp made, whose tiles are of kTokens rows, and four outputs
// (shaders/common/packed_rows.glsl). Bound by reading the weights of the experts that have rows, once for every
// kTokens of them.
#version 460
#extension GL_GOOGLE_include_directive : require
#include "shaders/moe_grouped_gemm/arguments.glsl"
#include "shaders/common/packed_rows.glsl"

shared uint x_rows[kMaxTokens];

void load_x_chunk(uint token, uint chunk, out float values[kChunk]) {
  const uint row = x_rows[token];
  if (kXType != kE4M3) {
    load_chunk_of(kXType, x + row * x_stride, chunk, values);
  } else {
    load_packed_chunk(x + row * x_stride, x_scales + 4ul * uint64_t(row) * groups, chunk, values);
  }
}

void store_result(uint token, uint at, float value) {
  store_float(kYType, y + (first_token + token) * y_stride, at, value);
}

void main() {
  const uint across = (outputs + kRows - 1u) / kRows;
  const uint first = group_index() % across * kRows, me = gl_LocalInvocationIndex;
  const uvec4 entry = Vectors(list).at[group_index() / across];
  if (entry.x == kNoTile) return;
  first_token = entry.y;
  tokens = entry.z;
  const uint count = tokens - first_token;
  if (entry.x == kTailTile) {
    if (me < kRows * count && first + me / count < outputs) store_result(me % count, first + me / count, 0.0);
    return;
  }
  if (me < count) x_rows[me] = source_row(first_token + me);
  barrier();
  const WeightRow matrix = row_of_piece(weight.only, entry.x * outputs);
  multiply_packed_rows(
      PackedMatrix(matrix.data, matrix.scales, weight.only.row_bytes, weight.only.scale_stride), first, count);
}
