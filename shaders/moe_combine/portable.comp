// moe_combine: a thread per output column, which gathers its topk elements in k order. Bound by reading
// T topk H elements.
#version 460
#extension GL_GOOGLE_include_directive : require
#include "shaders/common/types.glsl"
#include "shaders/common/sheet.glsl"

layout(constant_id = 0) const uint kYType = 0;
layout(constant_id = 1) const uint kSharedType = 0;
layout(constant_id = 2) const uint kOutType = 0;

layout(push_constant) uniform Arguments {
  uint64_t y, row_of, weights, shared_out, out_rows;  // shared_out 0: absent
  uint64_t y_stride, row_of_stride, weights_stride, shared_stride, out_stride;  // bytes
  uint rows;  // of y
  uint tokens, topk, width;
};

void main() {
  const SheetPlace place = sheet_place(width);
  if (place.row >= tokens) return;
  const uint64_t chosen = row_of + place.row * row_of_stride, weight = weights + place.row * weights_stride;
  float sums[kPerThread];
  for (uint j = 0u; j < kPerThread; ++j) sums[j] = 0.0;
  for (uint k = 0u; k < topk; ++k) {
    const int row = Ints(chosen).at[k];
    if (row < 0 || uint(row) >= rows) continue;
    const float factor = Floats(weight).at[k];
    for (uint j = 0u; j < kPerThread; ++j) {
      const uint i = place.column + j * kAcross;
      if (i < width) sums[j] = fma(factor, load_float(kYType, y + uint(row) * y_stride, i), sums[j]);
    }
  }
  for (uint j = 0u; j < kPerThread; ++j) {
    const uint i = place.column + j * kAcross;
    if (i >= width) continue;
    if (shared_out != 0ul) sums[j] += load_float(kSharedType, shared_out + place.row * shared_stride, i);
    store_float(kOutType, out_rows + place.row * out_stride, i, sums[j]);
  }
}
