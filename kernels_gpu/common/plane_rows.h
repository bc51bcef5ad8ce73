// Elements of Planes, and the place of a thread in a Sheet.
#pragma once

#include "kernels_gpu/common/elements.h"
#include "kernels_gpu/common/planes.h"

namespace tamis::gpu {

// Elements from the first to the first of a row.
__device__ inline std::int64_t row_offset(const Planes& planes, std::int64_t row) {
  const std::int64_t outer = row / planes.dim2;
  return row % planes.dim2 * planes.stride2 + outer % planes.dim1 * planes.stride1 +
         outer / planes.dim1 * planes.stride0;
}

__device__ inline float load_element(const Planes& planes, std::int64_t row, std::int64_t i) {
  return load_element(planes.element, planes.data, row_offset(planes, row) + i);
}

__device__ inline void store_element(const Planes& planes, std::int64_t row, std::int64_t i, float value) {
  store_element(planes.element, planes.data, row_offset(planes, row) + i, value);
}

// The column of this thread.
__device__ inline std::int64_t sheet_column() {
  return static_cast<std::int64_t>(blockIdx.x) * blockDim.x + threadIdx.x;
}

// How many of `rows` are in use: those behind *used were never written. null: all.
__device__ inline std::int64_t used_rows(const std::int32_t* used, std::int64_t rows) {
  return used == nullptr || *used > rows ? rows : *used;
}

}  // namespace tamis::gpu
