// batched_linear: a work group per head, tile of tokens and 32 outputs (shaders/common/product_tile.glsl). The
// weight is [h, N, K], or [h, K, N], whose rows are columns of the product. At few tokens bound by reading the
// weight, at many by arithmetic.
#version 460
#extension GL_GOOGLE_include_directive : require
#include "shaders/batched_linear/arguments.glsl"
#include "shaders/common/product_tile.glsl"
#include "shaders/common/weight_tile.glsl"

layout(constant_id = 5) const uint kTransposed = 0;

float load_x(uint token, uint column) {
  if (kXType != kE4M3) return load_float(kXType, x_row(token), column);
  return e4m3_to_float(uint(Bytes(x_row(token)).at[column])) *
         Floats(x_scale_row(token)).at[column / 128u];
}

void load_w_tile(uint first_output, uint column) {
  if (kTransposed == 0u) {
    load_w_rows(min(outputs - first_output, kTileOutputs), column, width, false);
    return;
  }
  find_w_rows(weight, piece_count, head * width + column, (head + 1u) * width);
  load_w_rows(min(width - column, kTileColumns), first_output, outputs, true);
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
