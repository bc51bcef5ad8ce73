// Launch of rms_norm and add_rms_norm; contracts in core/ops/rms_norm/rms_norm.h and
// core/ops/add_rms_norm/add_rms_norm.h.
#pragma once

#include <cuda_runtime_api.h>

#include <cstdint>

#include "kernels_cuda/common/matrix.h"

namespace tamis::cuda {

// Rows at multiples of 16 bytes, width a multiple of 8 up to kMaxNormWidth.
struct RmsNormArgs {
  ConstMatrix x;
  ConstMatrix delta;  // data null: none, and no sum
  Matrix sum;         // of x's type
  const float* weight;
  Matrix y;
  std::int64_t tokens;
  int width;
  float eps;
};
inline constexpr int kMaxNormWidth = 8192;
cudaError_t rms_norm_rows(const RmsNormArgs& args, cudaStream_t stream);

}  // namespace tamis::cuda
