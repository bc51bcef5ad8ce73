// Rows of a weight, wherever they lie: in one piece, or in a list of pieces in the order of their rows
// (backends/vulkan/products.h). FP8 elements have an f32 scale per 128 columns, and as stored per 128 rows.
#include "shaders/common/fp8.glsl"

layout(constant_id = 4) const uint kPacked = 0;  // 1: the layout row_scales of core/backend

struct WeightPiece {
  uint64_t data, scales;
  uint64_t row_bytes;
  uint first;                 // row of the weight with which the piece begins
  uint scale_stride;          // scales from one row of them to the next
  uint first_row, first_col;  // of the piece in its stored tensor
};
layout(buffer_reference, std430, buffer_reference_align = 8) buffer WeightPieces { WeightPiece at[]; };

// `pieces` 0: the one piece `only`.
struct Weight {
  WeightPiece only;
  uint64_t pieces;
};

struct WeightRow {
  uint64_t data, scales;
  uint first_col;
};

WeightRow row_of_piece(WeightPiece piece, uint row) {
  const uint at = row - piece.first;
  const uint scale_row = kPacked != 0u ? at : (piece.first_row + at) / 128u;
  return WeightRow(piece.data + at * piece.row_bytes,
                   piece.scales + 4ul * uint64_t(scale_row) * piece.scale_stride, piece.first_col);
}

WeightRow find_weight_row(Weight weight, uint piece_count, uint row) {
  if (weight.pieces == 0ul) return row_of_piece(weight.only, row);
  uint low = 0u, high = piece_count;  // the piece lies in [low, high)
  while (high - low > 1u) {
    const uint middle = (low + high) / 2u;
    if (WeightPieces(weight.pieces).at[middle].first <= row) {
      low = middle;
    } else {
      high = middle;
    }
  }
  return row_of_piece(WeightPieces(weight.pieces).at[low], row);
}

float load_weight(uint type, WeightRow row, uint i) {
  if (type != kE4M3) return load_float(type, row.data, i);
  return e4m3_to_float(uint(Bytes(row.data).at[i])) * Floats(row.scales).at[(row.first_col + i) / 128u];
}
