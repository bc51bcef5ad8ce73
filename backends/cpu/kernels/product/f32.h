// The f32 kernels of one vector width, by address. Activations are f32 rows.
#pragma once

#include "backends/cpu/kernels/product/weight_rows.h"

namespace tamis::cpu {

// Columns [first, first + count) of weight rows, scaled, to dst[rows, ld].
struct WidenRange {
  std::int64_t first, count;
  float* dst;
  std::int64_t ld;
};

// Rows of floats, a multiple of 16 and at most 64, src[rows, ld], to dst[cols, 64]: the operand b of add_nn.
// cols are rounded up to 16.
struct TransposeRows {
  const float* src;
  std::int64_t ld, rows, cols;
  float* dst;
};

struct F32Kernels {
  void (*dot)(const DotRows& d);
  void (*widen)(const WeightRows& weights, const WidenRange& range);
  void (*add_nt)(const TileShape& shape, const float* a, const float* b, float* c);
  // n, ldb and ldc are multiples of 16.
  void (*add_nn)(const TileShape& shape, const float* a, const float* b, float* c);
  // Null: add_nt is the faster way to multiply many rows with a widened weight.
  void (*transpose)(const TransposeRows& rows);
};

extern const F32Kernels kF32Avx2;
extern const F32Kernels kF32Avx512;

}  // namespace tamis::cpu
