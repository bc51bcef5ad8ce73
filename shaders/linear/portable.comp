// linear on a weight as stored: one dispatch per piece, which fills its own output columns. FP8 weights are
// read byte by byte, because a piece may start anywhere, and the scale is looked up per element, because a
// piece may cut scale blocks.
#version 460
#extension GL_GOOGLE_include_directive : require
#include "shaders/linear/arguments.glsl"
#include "shaders/linear/tile.glsl"

float load_w(uint row, uint i) {
  const uint64_t from = w + row * w_stride;
  if (kWType != kE4M3) return load_float(kWType, from, i);
  const uint block_row = (first_row + row) / 128u, block_col = (first_col + i) / 128u;
  return e4m3_to_float(uint(Bytes(from).at[i])) *
         Floats(w_scales + 4ul * uint64_t(block_row) * w_scale_stride).at[block_col];
}

void load_w_tile(uint first_output, uint column) {
  for (uint i = gl_LocalInvocationIndex; i < kTileOutputs * kTileColumns; i += kThreads) {
    const uint row = first_output + i / kTileColumns, at = column + i % kTileColumns;
    w_tile[i % kTileColumns * kLine + i / kTileColumns] = row < outputs && at < width ? load_w(row, at) : 0.0;
  }
}
