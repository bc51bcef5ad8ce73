// From a row to e4m3 codes, as the contracts of hadamard and quantize_group say. Shared by those two and
// indexer_prepare.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>

#include "core/numeric/fp8.h"

namespace tamis::cpu {

// In place; d is a power of two.
inline void hadamard_transform(float* row, std::int64_t d) {
  for (std::int64_t half = 1; half < d; half *= 2) {
    for (std::int64_t begin = 0; begin < d; begin += 2 * half) {
      for (std::int64_t i = begin; i < begin + half; ++i) {
        const float a = row[i], b = row[i + half];
        row[i] = a + b;
        row[i + half] = a - b;
      }
    }
  }
  const auto factor = static_cast<float>(1.0 / std::sqrt(static_cast<double>(d)));
  for (std::int64_t i = 0; i < d; ++i) row[i] *= factor;
}

// Divides the group by its scale, in place, and returns the scale. std::max keeps its first argument when the
// second is NaN.
inline float scale_group(float* values, std::int64_t n, bool pow2) {
  float amax = 0;
  for (std::int64_t i = 0; i < n; ++i) amax = std::max(amax, std::fabs(values[i]));
  const float scale = numeric::activation_scale(amax, pow2);
  for (std::int64_t i = 0; i < n; ++i) values[i] /= scale;
  return scale;
}

}  // namespace tamis::cpu
