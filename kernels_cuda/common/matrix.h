// What kernels_cuda takes instead of the library's tensors: plain addresses and strides.
#pragma once

#include <cstdint>

#include "kernels_gpu/common/launch.h"

namespace tamis::cuda {

using gpu::Element;

// [rows, cols] with unit column stride.
struct ConstMatrix {
  const void* data;
  std::int64_t row_stride;  // elements
  Element type;
};
struct Matrix {
  void* data;
  std::int64_t row_stride;
  Element type;
};

}  // namespace tamis::cuda
