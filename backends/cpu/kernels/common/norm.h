// RMS normalisation of one row in f32: rms_norm and add_rms_norm must agree bit for bit.
#pragma once

#include <cmath>

#include "backends/cpu/kernels/rows/row_ops.h"

namespace tamis::cpu {

// row[i] = weight[i] * row[i] * (mean(row^2) + eps)^-1/2.
inline void rms_normalize(const RowOps& ops, float* row, const float* weight, std::int64_t n, float eps) {
  const float mean = ops.sum_of_squares(row, n) / static_cast<float>(n);
  ops.scale(weight, 1.0f / std::sqrt(mean + eps), n, row);
}

}  // namespace tamis::cpu
