// linear on an FP8 weight in the layout row_scales: four codes a load and one scale for the 32 columns of a
// tile, which lie in one group of 128.
#version 460
#extension GL_GOOGLE_include_directive : require
#include "shaders/linear/arguments.glsl"
#include "shaders/linear/tile.glsl"

void load_w_tile(uint first_output, uint column) {
  const uint words = kTileColumns / 4u;  // of a row
  for (uint i = gl_LocalInvocationIndex; i < kTileOutputs * words; i += kThreads) {
    const uint row = first_output + i / words, at = column + i % words * 4u;
    uint codes = 0u;
    float scale = 0.0;
    // Rows are padded to 16 codes, so a word that starts inside the columns is all there.
    if (row < outputs && at < width) {
      codes = Words(w + row * w_stride + at).at[0];
      scale = Floats(w_scales + 4ul * uint64_t(row) * w_scale_stride).at[at / 128u];
    }
    for (uint j = 0u; j < 4u; ++j) {
      w_tile[(i % words * 4u + j) * kLine + i / words] =
          e4m3_to_float((codes >> (8u * j)) & 255u) * scale;
    }
  }
}
