// Kernels of linear (contract: core/ops/linear/linear.h).
#pragma once

#include "kernels_gpu/common/launch.h"

namespace tamis::gpu {

inline constexpr std::int64_t kQuantGroup = 128;  // activations, and columns of a weight, that share a scale

// Activations as stored, or e4m3 codes with an f32 scale per 128 columns (scales [tokens, groups]).
struct Activations {
  Rows rows;
  const float* scales = nullptr;
  std::int64_t groups = 0;
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
struct Linear {
  Activations x;
  WeightRows w;
  Rows y;
  std::int64_t tokens = 0;
  std::int64_t k = 0;
  bool packed = false;  // which form w has
};

// Codes and scales of ActQuant.
struct Quantize {
  Rows x;
  Activations out;
  std::int64_t tokens = 0;
  std::int64_t k = 0;
  bool pow2 = false;
};
Error launch_quantize(const Quantize& args, Stream stream);

// Any number of tokens, any weight.
Error launch_linear_tiled(const Linear& args, Stream stream);

// For few tokens: reads the weight once per kDecodeTokens of them.
inline constexpr std::int64_t kDecodeTokens = 8;
Error launch_linear_decode(const Linear& args, Stream stream);

}  // namespace tamis::gpu
