// embed: T rows of the table read, T written: bound by memory.
#version 460
#extension GL_GOOGLE_include_directive : require
#include "shaders/common/weight_rows.glsl"
#include "shaders/common/sheet.glsl"

layout(constant_id = 0) const uint kTableType = 0;
layout(constant_id = 1) const uint kYType = 0;

layout(push_constant) uniform Arguments {
  uint64_t ids, y, y_stride;
  Weight table;
  uint piece_count, vocabulary, tokens, width;
};

void main() {
  const SheetPlace place = sheet_place(width);
  if (place.row >= tokens) return;
  const int id = Ints(ids).at[place.row];
  const bool inside = id >= 0 && uint(id) < vocabulary;
  WeightRow row;
  if (inside) row = find_weight_row(table, piece_count, uint(id));
  for (uint j = 0u; j < kPerThread; ++j) {
    const uint i = place.column + j * kAcross;
    if (i >= width) continue;
    store_float(kYType, y + place.row * y_stride, i, inside ? load_weight(kTableType, row, i) : 0.0);
  }
}
