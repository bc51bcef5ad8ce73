// silu_mul: x read once, y written once: bound by memory.
#version 460
#extension GL_GOOGLE_include_directive : require
#include "shaders/common/types.glsl"
#include "shaders/common/sheet.glsl"
#include "shaders/common/silu.glsl"

layout(constant_id = 0) const uint kType = 0;

layout(push_constant) uniform Arguments {
  uint64_t x, y;
  uint64_t x_stride, y_stride;  // bytes
  uint rows, width;             // of y
};

void main() {
  const SheetPlace place = sheet_place(width);
  if (place.row >= rows) return;
  const uint64_t from = x + place.row * x_stride, to = y + place.row * y_stride;
  for (uint j = 0u; j < kPerThread; ++j) {
    const uint i = place.column + j * kAcross;
    if (i >= width) continue;
    store_float(kType, to, i, silu(load_float(kType, from, i)) * load_float(kType, from, width + i));
  }
}
