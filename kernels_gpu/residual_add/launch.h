// Kernels of residual_add (contract: core/ops/residual_add/residual_add.h).
#pragma once

#include "kernels_gpu/common/launch.h"

namespace tamis::gpu {

struct ResidualAdd {
  Rows x, delta, y;
  std::int64_t tokens = 0;
  std::int64_t width = 0;
};
Error launch_residual_add(const ResidualAdd& args, Stream stream);

}  // namespace tamis::gpu
