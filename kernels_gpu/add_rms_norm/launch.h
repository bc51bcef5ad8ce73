// Kernels of add_rms_norm (contract: core/ops/add_rms_norm/add_rms_norm.h).
#pragma once

#include "kernels_gpu/common/launch.h"

namespace tamis::gpu {

struct AddRmsNorm {
  Rows x, delta, sum, y;
  const float* weight = nullptr;
  std::int64_t tokens = 0;
  std::int64_t width = 0;
  float eps = 0;
};
Error launch_add_rms_norm(const AddRmsNorm& args, Stream stream);

}  // namespace tamis::gpu
