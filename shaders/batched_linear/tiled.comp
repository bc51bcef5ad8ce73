// batched_linear: a work group per head, tile of tokens and 32 outputs (shaders/common/product_tile.glsl). The
// weight is [h, N, K], or [h, K, N], whose rows are columns of the product. At few tokens bound by reading the
// weight, at many by arithmetic.
#version 460
#extension GL_GOOGLE_include_directive : require
#include "shaders/common/weight_rows.glsl"

layout(constant_id = 0) const uint kXType = 0;  // kE4M3: row_scales, a row per token and head
layout(constant_id = 1) const uint kWType = 0;
layout(constant_id = 2) const uint kYType = 0;
layout(constant_id = 5) const uint kTransposed = 0;

layout(push_constant) uniform Arguments {
  uint64_t x, x_scales, y;
  uint64_t x_stride, x_head_stride, y_stride, y_head_stride;  // bytes
  Weight weight;
  uint piece_count, tokens, heads, outputs, width;
  uint groups;  // scales per row of quantised activations
};

#include "shaders/common/product_tile.glsl"
#include "shaders/common/weight_tile.glsl"

uint head;

float load_x(uint token, uint column) {
  const uint64_t from = x + token * x_stride + head * x_head_stride;
  if (kXType != kE4M3) return load_float(kXType, from, column);
  return e4m3_to_float(uint(Bytes(from).at[column])) *
         Floats(x_scales + 4ul * (uint64_t(token) * heads + head) * groups).at[column / 128u];
}

void load_w_tile(uint first_output, uint column) {
  if (kTransposed == 0u) {
    load_w_rows(min(outputs - first_output, kTileOutputs), column, width, false);
    return;
  }
  find_w_rows(weight, piece_count, head * width + column, (head + 1u) * width);
  load_w_rows(min(width - column, kTileColumns), first_output, outputs, true);
}

void store_y(uint token, uint at, float value) {
  store_float(kYType, y + token * y_stride + head * y_head_stride, at, value);
}

void main() {
  const uint across = (outputs + kTileOutputs - 1u) / kTileOutputs;
  const uint down = (tokens + kTileTokens - 1u) / kTileTokens;
  const uint tile = group_index() % (across * down);
  head = group_index() / (across * down);
  if (head >= heads) return;
  const uint first_output = tile % across * kTileOutputs;
  if (kTransposed == 0u) {
    find_w_rows(weight, piece_count, head * outputs + first_output, (head + 1u) * outputs);
  }
  compute_tile(tile / across * kTileTokens, first_output);
}
