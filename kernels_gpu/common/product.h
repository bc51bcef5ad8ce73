// Operands of products with weights: linear, batched_linear and moe_grouped_gemm.
#pragma once

#include <cstddef>

#include "kernels_gpu/common/planes.h"

namespace tamis::gpu {

inline constexpr std::int64_t kQuantGroup = 128;  // activations, and columns of a weight, that share a scale

// Activations as stored, or e4m3 codes with an f32 scale per 128 columns. With an index, row t is row
// index[t] of both.
struct Activations {
  Rows rows;
  const float* scales = nullptr;
  std::int64_t groups = 0;  // scales from one row to the next
  const std::int32_t* index = nullptr;
};

// Consecutive weight rows in one of two forms. As stored: a piece of a checkpoint tensor; e4m3 has a scale
// per 128 x 128 block of that tensor, in which the piece begins at (first_row, first_col). Packed
// ("row_scales"): e4m3 rows that begin at multiples of 16 bytes and are zero up to the next one, a scale per
// row and 128 columns.
struct WeightRows {
  Rows rows;
  std::int64_t count = 0;
  const float* scales = nullptr;  // null: none
  std::int64_t scale_stride = 0;
  int rows_per_scale_log2 = 0;  // 7 as stored, 0 packed
  std::int64_t first_row = 0;
  std::int64_t first_col = 0;
};

// y[t, j] = x[t] . w[j]; y begins at the output column of w's first row.
struct Product {
  Activations x;
  WeightRows w;
  Rows y;
  std::int64_t tokens = 0;
  std::int64_t k = 0;
};

// Rows of a weight [groups, rows, cols] that lie together and belong to one group (a head or an expert):
// those from its row `first` on.
struct WeightPart {
  WeightRows rows;
  std::int64_t group = 0;
  std::int64_t first = 0;
};

// A weight of groups as one launch sees it: whole, if its rows lie together, or some of its parts. The list
// is part of a kernel's argument, of which 4 KB are portable.
inline constexpr int kMaxParts = 32;
inline constexpr std::size_t kMaxArgumentBytes = 4096;
struct WeightParts {
  bool whole = false;
  WeightRows rows;  // if whole
  std::int64_t rows_per_group = 0;
  int count = 0;  // parts in the list; if whole, groups
  WeightPart list[kMaxParts];

  Element element() const { return whole ? rows.rows.element : list[0].rows.rows.element; }
};

// Codes and scales of ActQuant. out.scales is written.
struct Quantize {
  Planes x;
  Activations out;
  std::int64_t rows = 0;
  std::int64_t k = 0;
  bool pow2 = false;
  bool fnuz = false;  // codes are e4m3fnuz of half the value (core/numeric/fp8_fnuz.h), scales the same
  // Rows in use, on the device; those behind them were never written and are left out. null: all.
  const std::int32_t* used = nullptr;
};
Error launch_quantize(const Quantize& args, Stream stream);

}  // namespace tamis::gpu
