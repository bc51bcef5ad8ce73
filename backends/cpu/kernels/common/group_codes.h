// From a row to e4m3 codes, as the contracts of hadamard and quantize_group say. Shared by those two and
// indexer_prepare.
#pragma once

#include <cmath>
#include <cstdint>

#include "backends/cpu/kernels/rows/row_ops.h"
#include "core/numeric/fp8.h"

namespace tamis::cpu {

// In place; d is a power of two.
inline void hadamard_transform(const RowOps& ops, float* row, std::int64_t d) {
  ops.butterflies(row, d);
  ops.multiply(static_cast<float>(1.0 / std::sqrt(static_cast<double>(d))), d, row);
}

// Divides the group by its scale, in place, and returns the scale.
inline float scale_group(const RowOps& ops, float* values, std::int64_t n, bool pow2) {
  const float scale = numeric::activation_scale(ops.largest(values, n), pow2);
  ops.divide(scale, n, values);
  return scale;
}

}  // namespace tamis::cpu
