// Copies of rows, bit for bit, in units of 1, 2, 4 or 16 bytes: gather_rows, concat and moe_permute are this
// shader. Every byte is read and written once: bound by memory.
#version 460
#extension GL_GOOGLE_include_directive : require
#extension GL_EXT_control_flow_attributes : require
#include "shaders/common/planes.glsl"
#include "shaders/common/sheet.glsl"

layout(constant_id = 0) const uint kUnit = 1;  // divides every address, stride and width

layout(push_constant) uniform Arguments {
  Planes from, to;
  uint64_t index;           // row r of `to` is row index[r] of `from`; 0: row r
  uint rows, source_rows;   // an index outside [0, source_rows) gives a row of zeros
  uint width;               // units
};

uvec4 load_unit(uint64_t source, uint i) {
  if (kUnit == 16u) return Vectors(source).at[i];
  if (kUnit == 4u) return uvec4(Words(source).at[i]);
  return uvec4(kUnit == 2u ? uint(Halves(source).at[i]) : uint(Bytes(source).at[i]));
}

void store_unit(uint64_t target, uint i, uvec4 unit) {
  if (kUnit == 16u) {
    Vectors(target).at[i] = unit;
  } else if (kUnit == 4u) {
    Words(target).at[i] = unit.x;
  } else if (kUnit == 2u) {
    Halves(target).at[i] = uint16_t(unit.x);
  } else {
    Bytes(target).at[i] = uint8_t(unit.x);
  }
}

void main() {
  const SheetPlace place = sheet_place(width);
  if (place.row >= rows) return;
  const int row = index != 0ul ? Ints(index).at[place.row] : int(place.row);
  const bool inside = row >= 0 && uint(row) < source_rows;
  const uint64_t source = plane_row(from, inside ? uint(row) : 0u), target = plane_row(to, place.row);
  uvec4 units[kPerThread];  // all on their way before the first is stored
  [[unroll]] for (uint j = 0u; j < kPerThread; ++j) {
    const uint i = place.column + j * kAcross;
    units[j] = inside && i < width ? load_unit(source, i) : uvec4(0u);
  }
  [[unroll]] for (uint j = 0u; j < kPerThread; ++j) {
    const uint i = place.column + j * kAcross;
    if (i < width) store_unit(target, i, units[j]);
  }
}
