// RMS normalisation of one row in f32: rms_norm and add_rms_norm must agree bit for bit.
#pragma once

#include <cmath>

#include "backends/cpu/kernels/common/rows.h"

namespace tamis::cpu {

// row[i] = weight[i] * row[i] * (mean(row^2) + eps)^-1/2.
inline void rms_normalize(float* row, const float* weight, std::int64_t n, float eps) {
  const auto squares = lane_sum<float>(n, [row](std::int64_t i) { return row[i] * row[i]; });
  const float factor = 1.0f / std::sqrt(squares / static_cast<float>(n) + eps);
  for (std::int64_t i = 0; i < n; ++i) row[i] = row[i] * factor * weight[i];
}

}  // namespace tamis::cpu
