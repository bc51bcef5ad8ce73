// moe_grouped_gemm: a work group per entry of the list that tiles.comp made and 32 outputs
// (shaders/common/product_tile.glsl). With few rows an expert bound by reading the weights of the experts that
// have some, with many by arithmetic.
#version 460
#extension GL_GOOGLE_include_directive : require
#include "shaders/moe_grouped_gemm/arguments.glsl"
#include "shaders/common/product_tile.glsl"
#include "shaders/common/weight_tile.glsl"

shared uint x_rows[64];

float load_x(uint token, uint column) {
  const uint row = x_rows[token - first_token];
  const uint64_t from = x + row * x_stride;
  if (kXType != kE4M3) return load_float(kXType, from, column);
  return e4m3_to_float(uint(Bytes(from).at[column])) *
         Floats(x_scales + 4ul * uint64_t(row) * groups).at[column / 128u];
}

void load_w_tile(uint first_output, uint column) {
  load_w_rows(min(outputs - first_output, kTileOutputs), column, width, false);
}

void store_y(uint token, uint at, float value) { store_float(kYType, y + token * y_stride, at, value); }

void store_zeros(uint first_output) {
  for (uint i = gl_LocalInvocationIndex; i < kTileTokens * kTileOutputs; i += kThreads) {
    const uint token = first_token + i / kTileOutputs, at = first_output + i % kTileOutputs;
    if (token < tokens && at < outputs) store_y(token, at, 0.0);
  }
}

void main() {
  const uint across = (outputs + kTileOutputs - 1u) / kTileOutputs;
  const uint first_output = group_index() % across * kTileOutputs, me = gl_LocalInvocationIndex;
  const uvec4 entry = Vectors(list).at[group_index() / across];
  if (entry.x == kNoTile) return;
  first_token = entry.y;
  tokens = entry.z;
  if (entry.x == kTailTile) {
    store_zeros(first_output);
    return;
  }
  if (first_token + me < tokens) x_rows[me] = source_row(first_token + me);
  find_w_rows(weight, piece_count, entry.x * outputs + first_output, (entry.x + 1u) * outputs);
  compute_tile(first_token, first_output);
}
