// What the shaders of linear share: element types, arguments and the input's elements.
//
// Quantised activations and packed weights have the same form, "row_scales" of core/backend: e4m3 codes row by
// row, and an f32 scale per row and 128 columns.
#include "shaders/common/fp8.glsl"

layout(constant_id = 0) const uint kXType = 0;  // kE4M3: row_scales
layout(constant_id = 1) const uint kWType = 0;
layout(constant_id = 2) const uint kYType = 0;

layout(push_constant) uniform Arguments {
  uint64_t x, x_scales, w, w_scales, y;
  uint64_t x_stride, w_stride, y_stride;  // bytes
  uint tokens, outputs, width;            // T, N (of this piece), K
  uint groups;                            // scales per row of quantised activations
  uint w_scale_stride;                    // scales per block row, or per row of a packed weight
  uint first_row, first_col;              // of the piece in its stored tensor
};

float load_x(uint token, uint i) {
  const uint64_t row = x + token * x_stride;
  if (kXType != kE4M3) return load_float(kXType, row, i);
  return e4m3_to_float(uint(Bytes(row).at[i])) *
         Floats(x_scales + 4ul * token * groups).at[i / 128u];
}
