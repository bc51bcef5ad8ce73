// Reading the operands of linear as f32.
#pragma once

#include "kernels_gpu/common/elements.h"
#include "kernels_gpu/linear/launch.h"

namespace tamis::gpu {

__device__ inline float load_activation(const Activations& x, std::int64_t t, std::int64_t i) {
  const float value = load_element(x.rows, t, i);
  return x.scales == nullptr ? value : value * x.scales[t * x.groups + i / kQuantGroup];
}

// Scale of element (j, i); w has scales.
__device__ inline float weight_scale(const WeightRows& w, std::int64_t j, std::int64_t i) {
  const std::int64_t scale_row = (w.first_row + j) >> w.rows_per_scale_log2;
  return w.scales[scale_row * w.scale_stride + (w.first_col + i) / kQuantGroup];
}

template <Element element>
__device__ inline float load_weight(const WeightRows& w, std::int64_t j, std::int64_t i) {
  const float value = load_element<element>(w.rows.data, j * w.rows.stride + i);
  if constexpr (element == Element::kE4M3) {
    return value * weight_scale(w, j, i);
  } else {
    return value;
  }
}

}  // namespace tamis::gpu
