// Copies of rows, bit for bit, in units of 1, 2, 4 or 16 bytes: gather_rows, concat and moe_permute are this
// shader. Every byte is read and written once: bound by memory.
#version 460
#extension GL_GOOGLE_include_directive : require
#include "shaders/common/planes.glsl"
#include "shaders/common/sheet.glsl"

layout(constant_id = 0) const uint kUnit = 1;  // divides every address, stride and width

layout(push_constant) uniform Arguments {
  Planes from, to;
  uint64_t index;           // row r of `to` is row index[r] of `from`; 0: row r
  uint rows, source_rows;   // an index outside [0, source_rows) gives a row of zeros
  uint width;               // units
};

void copy_unit(uint64_t source, uint64_t target, uint i, bool inside) {
  if (kUnit == 16u) {
    Vectors(target).at[i] = inside ? Vectors(source).at[i] : uvec4(0u);
  } else if (kUnit == 4u) {
    Words(target).at[i] = inside ? Words(source).at[i] : 0u;
  } else if (kUnit == 2u) {
    Halves(target).at[i] = uint16_t(inside ? uint(Halves(source).at[i]) : 0u);
  } else {
    Bytes(target).at[i] = uint8_t(inside ? uint(Bytes(source).at[i]) : 0u);
  }
}

void main() {
  const SheetPlace place = sheet_place(width);
  if (place.row >= rows) return;
  const int row = index != 0ul ? Ints(index).at[place.row] : int(place.row);
  const bool inside = row >= 0 && uint(row) < source_rows;
  const uint64_t source = plane_row(from, inside ? uint(row) : 0u), target = plane_row(to, place.row);
  for (uint j = 0u; j < kPerThread; ++j) {
    const uint i = place.column + j * kAcross;
    if (i < width) copy_unit(source, target, i, inside);
  }
}
