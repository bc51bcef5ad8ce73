// cast: x read once, y written once: bound by memory.
#version 460
#extension GL_GOOGLE_include_directive : require
#include "shaders/common/planes.glsl"
#include "shaders/common/sheet.glsl"

layout(constant_id = 0) const uint kXType = 0;
layout(constant_id = 1) const uint kYType = 0;

layout(push_constant) uniform Arguments {
  Planes x, y;
  uint rows, width;
};

void main() {
  const SheetPlace place = sheet_place(width);
  if (place.row >= rows) return;
  const uint64_t from = plane_row(x, place.row), to = plane_row(y, place.row);
  for (uint j = 0u; j < kPerThread; ++j) {
    const uint i = place.column + j * kAcross;
    if (i < width) store_bits(kYType, to, i, load_bits(kXType, from, i));
  }
}
