// Elements of any dtype as f32, chosen at run time: the branch is the same for a whole grid. For portable
// rows, which take every dtype in one kernel; tuned rows are templates.
#pragma once

#include <cstdint>

#include "core/numeric/float16.h"
#include "core/numeric/fp8.h"
#include "kernels_cuda/common/matrix.h"

namespace tamis::cuda {

__device__ __forceinline__ float load_element(const void* base, std::int64_t index, Element type) {
  switch (type) {
    case Element::kF32: return static_cast<const float*>(base)[index];
    case Element::kBF16: return numeric::bf16_to_float(static_cast<const std::uint16_t*>(base)[index]);
    case Element::kF16: return numeric::f16_to_float(static_cast<const std::uint16_t*>(base)[index]);
    case Element::kE4M3: return numeric::e4m3_to_float(static_cast<const std::uint8_t*>(base)[index]);
  }
  return 0.0f;
}

// One rounding, to nearest even. Not for e4m3, which needs a scale.
__device__ __forceinline__ void store_element(void* base, std::int64_t index, Element type, float value) {
  switch (type) {
    case Element::kF32: static_cast<float*>(base)[index] = value; return;
    case Element::kBF16: static_cast<std::uint16_t*>(base)[index] = numeric::float_to_bf16(value); return;
    case Element::kF16: static_cast<std::uint16_t*>(base)[index] = numeric::float_to_f16(value); return;
    case Element::kE4M3: return;
  }
}

}  // namespace tamis::cuda
