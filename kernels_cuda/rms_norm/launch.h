// Launches of rms_norm; contract in core/ops/rms_norm/rms_norm.h.
#pragma once

#include <cuda_runtime_api.h>

#include "kernels_cuda/common/matrix.h"

namespace tamis::cuda {

struct RmsNormArgs {
  ConstMatrix x;
  const float* weight;
  Matrix y;
  std::int64_t tokens;
  std::int64_t width;
  float eps;
};

cudaError_t rms_norm_portable(const RmsNormArgs& args, cudaStream_t stream);

}  // namespace tamis::cuda
