// residual_add: both inputs read once, y written once: bound by memory.
#version 460
#extension GL_GOOGLE_include_directive : require
#include "shaders/common/types.glsl"
#include "shaders/common/sheet.glsl"

layout(constant_id = 0) const uint kXType = 0;
layout(constant_id = 1) const uint kDeltaType = 0;

layout(push_constant) uniform Arguments {
  uint64_t x, delta, y;
  uint64_t x_stride, delta_stride, y_stride;  // bytes
  uint rows, width;
};

void main() {
  const SheetPlace place = sheet_place(width);
  if (place.row >= rows) return;
  const uint64_t left = x + place.row * x_stride, right = delta + place.row * delta_stride;
  for (uint j = 0u; j < kPerThread; ++j) {
    const uint i = place.column + j * kAcross;
    if (i >= width) continue;
    store_float(kXType, y + place.row * y_stride, i,
                load_float(kXType, left, i) + load_float(kDeltaType, right, i));
  }
}
