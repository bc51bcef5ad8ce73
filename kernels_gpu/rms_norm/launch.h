// Kernels of rms_norm (contract: core/ops/rms_norm/rms_norm.h).
#pragma once

#include "kernels_gpu/common/launch.h"

namespace tamis::gpu {

struct RmsNorm {
  Rows x, y;
  const float* weight = nullptr;
  std::int64_t tokens = 0;
  std::int64_t width = 0;
  float eps = 0;
};
Error launch_rms_norm(const RmsNorm& args, Stream stream);

}  // namespace tamis::gpu
