// Elements of any dtype as f32, chosen at run time: the branch is the same for a whole grid. For portable
// rows, which take every dtype in one kernel; tuned rows are templates.
#pragma once

#include <cstdint>

#include "kernels_cuda/common/matrix.h"
#include "kernels_gpu/common/elements.h"

namespace tamis::cuda {

__device__ __forceinline__ float load_element(const void* base, std::int64_t index, Element type) {
  return gpu::load_element(type, base, index);
}

// One rounding, to nearest even. Not for e4m3, which needs a scale.
__device__ __forceinline__ void store_element(void* base, std::int64_t index, Element type, float value) {
  gpu::store_element(type, base, index, value);
}

}  // namespace tamis::cuda
