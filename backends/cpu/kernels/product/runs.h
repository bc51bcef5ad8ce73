// Cuts rows of a weight into runs that the vector kernels take: one piece, one row of scale blocks.
#pragma once

#include <algorithm>

#include "backends/cpu/kernels/product/weight_rows.h"
#include "core/backend/backend_api.h"
#include "core/graph/op_call.h"

namespace tamis::cpu {

inline WeightFormat weight_format(DType dtype) {
  switch (dtype) {
    case DType::kBF16: return WeightFormat::kBF16;
    case DType::kF16: return WeightFormat::kF16;
    case DType::kE4M3: return WeightFormat::kE4M3;
    default: return WeightFormat::kF32;
  }
}

// Rows [row, row + count) of a piece, which share their scales.
inline WeightRows piece_rows(const Weight& weight, const WeightPiece& piece, std::int64_t row,
                             std::int64_t count) {
  const auto size = static_cast<std::int64_t>(dtype_size(weight.desc.dtype));
  WeightRows rows{};
  rows.data = piece.buffer->host() + piece.offset + row * piece.row_stride * size;
  rows.row_bytes = piece.row_stride * size;
  rows.rows = count;
  rows.cols = weight.desc.dim(-1);
  rows.format = weight_format(weight.desc.dtype);
  if (piece.scale_buffer != nullptr) {
    rows.scales = reinterpret_cast<const float*>(piece.scale_buffer->host() + piece.scale_offset) +
                  (piece.first_row + row) / kWeightBlock * piece.scale_stride +
                  piece.first_col / kWeightBlock;
    rows.group_offset = piece.first_col % kWeightBlock;
  }
  return rows;
}

// fn(run, at) for the runs of rows [first, first + count), E*N rows counted as one list; `at` is the run's
// first row, counted from `first`.
template <class F>
void for_each_run(const Weight& weight, std::int64_t first, std::int64_t count, F&& fn) {
  std::int64_t row = first, done = 0;
  for (const WeightPiece& piece : weight.pieces) {
    if (row >= piece.rows) {
      row -= piece.rows;
      continue;
    }
    while (row < piece.rows && done < count) {
      std::int64_t rows = std::min(piece.rows - row, count - done);
      if (piece.scale_buffer != nullptr) {
        rows = std::min(rows, kWeightBlock - (piece.first_row + row) % kWeightBlock);
      }
      fn(piece_rows(weight, piece, row, rows), done);
      row += rows;
      done += rows;
    }
    if (done == count) return;
    row = 0;
  }
}

}  // namespace tamis::cpu
