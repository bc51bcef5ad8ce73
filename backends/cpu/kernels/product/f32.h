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

struct F32Kernels {
  void (*dot)(const DotRows& d);
  void (*widen)(const WeightRows& weights, const WidenRange& range);
  void (*add_nt)(const TileShape& shape, const float* a, const float* b, float* c);
  // n, ldb and ldc are multiples of 16.
  void (*add_nn)(const TileShape& shape, const float* a, const float* b, float* c);
};

extern const F32Kernels kF32Avx2;
extern const F32Kernels kF32Avx512;

}  // namespace tamis::cpu
