// What the products of moe_grouped_gemm share.
#include "shaders/common/weight_rows.glsl"
#include "shaders/moe_grouped_gemm/entries.glsl"

layout(constant_id = 0) const uint kXType = 0;  // kE4M3: row_scales
layout(constant_id = 1) const uint kWType = 0;
layout(constant_id = 2) const uint kYType = 0;

layout(push_constant) uniform Arguments {
  uint64_t x, x_scales;
  uint64_t index;  // row r of the product is row index[r] of x; 0: row r
  uint64_t y, list;
  uint64_t x_stride, y_stride;  // bytes
  Weight weight;
  uint piece_count, outputs, width;
  uint groups;  // scales per row of quantised activations
};

uint first_token, tokens;  // of the tile, and where it ends

// The row of x that is row `row` of the product.
uint source_row(uint row) { return index != 0ul ? Words(index).at[row] : row; }
