// What the products of batched_linear share.
#include "shaders/common/weight_rows.glsl"

layout(constant_id = 0) const uint kXType = 0;  // kE4M3: row_scales, a row per token and head
layout(constant_id = 1) const uint kWType = 0;
layout(constant_id = 2) const uint kYType = 0;

layout(push_constant) uniform Arguments {
  uint64_t x, x_scales, y;
  uint64_t x_stride, x_head_stride, y_stride, y_head_stride;  // bytes
  Weight weight;
  uint piece_count, tokens, heads, outputs, width;
  uint groups;  // scales per row of quantised activations
};

uint head;

uint64_t x_row(uint token) { return x + token * x_stride + head * x_head_stride; }
// Of quantised activations.
uint64_t x_scale_row(uint token) {
  return x_scales + 4ul * (uint64_t(token) * heads + head) * groups;
}

void store_y(uint token, uint at, float value) {
  store_float(kYType, y + token * y_stride + head * y_head_stride, at, value);
}
