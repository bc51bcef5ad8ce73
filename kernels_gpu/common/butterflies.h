// The Hadamard transform of vectors in memory that the block shares, as the contract of hadamard says
// (core/ops/hadamard/hadamard.h).
#pragma once

#include "kernels_gpu/common/runtime.h"

namespace tamis::gpu {

// `size` values, vectors of `width` (a power of two) one after another; not yet multiplied with
// 1 / sqrt(width). Called by all threads; begins and ends with a barrier.
__device__ inline void hadamard_butterflies(float* values, std::int64_t width, std::int64_t size) {
  int log2 = 0;
  for (std::int64_t half = 1; half < width; half *= 2, ++log2) {
    __syncthreads();
    for (std::int64_t p = threadIdx.x; p < size / 2; p += blockDim.x) {
      const std::int64_t i = (p >> log2 << (log2 + 1)) + (p & (half - 1));
      const float a = values[i], b = values[i + half];
      values[i] = a + b;
      values[i + half] = a - b;
    }
  }
  __syncthreads();
}

}  // namespace tamis::gpu
