// Reading the operands of a product as f32.
#pragma once

#include "kernels_gpu/common/elements.h"
#include "kernels_gpu/common/product.h"

namespace tamis::gpu {

// Where row t is read from.
__device__ inline std::int64_t source_row(const Activations& x, std::int64_t t) {
  return x.index == nullptr ? t : x.index[t];
}

// `row`: of source_row.
__device__ inline float load_activation(const Activations& x, std::int64_t row, std::int64_t i) {
  const float value = load_element(x.rows, row, i);
  return x.scales == nullptr ? value : value * x.scales[row * x.groups + i / kQuantGroup];
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

template <Element element>
inline constexpr std::int64_t kElementBytes = element == Element::kF32    ? 4
                                              : element == Element::kE4M3 ? 1
                                                                          : 2;

// Rows [first, first + count) of w.
template <Element element>
__device__ inline WeightRows rows_from(WeightRows w, std::int64_t first, std::int64_t count) {
  w.rows.data = static_cast<unsigned char*>(w.rows.data) + first * w.rows.stride * kElementBytes<element>;
  w.first_row += first;
  w.count = count;
  return w;
}

// Part i of the list, or group i of a whole weight.
template <Element element>
__device__ inline WeightPart part_at(const WeightParts& parts, std::int64_t i) {
  if (!parts.whole) return parts.list[i];
  return {rows_from<element>(parts.rows, i * parts.rows_per_group, parts.rows_per_group), i, 0};
}

__device__ inline std::int64_t element_bytes(Element element) {
  return element == Element::kF32 ? 4 : element == Element::kE4M3 ? 1 : 2;
}

// `rows` from row `row`, column `column` on.
__device__ inline Rows rows_at(Rows rows, std::int64_t row, std::int64_t column) {
  const std::int64_t elements = row * rows.stride + column;
  rows.data = static_cast<unsigned char*>(rows.data) + elements * element_bytes(rows.element);
  return rows;
}

}  // namespace tamis::gpu
