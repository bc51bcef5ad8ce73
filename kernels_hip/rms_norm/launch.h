// Kernels of rms_norm (contract: core/ops/rms_norm/rms_norm.h).
#pragma once

#include "kernels_hip/common/launch.h"

namespace tamis::hip_kernels {

struct RmsNorm {
  Rows x, y;
  const float* weight = nullptr;
  std::int64_t tokens = 0;
  std::int64_t width = 0;
  float eps = 0;
};
hipError_t launch_rms_norm(const RmsNorm& args, hipStream_t stream);

}  // namespace tamis::hip_kernels
