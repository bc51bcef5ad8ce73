// Kernels of layer_norm (contract: core/ops/layer_norm/layer_norm.h).
#pragma once

#include "kernels_gpu/common/launch.h"

namespace tamis::gpu {

struct LayerNorm {
  Rows x, y;
  const float* weight = nullptr;
  const float* bias = nullptr;
  std::int64_t tokens = 0;
  std::int64_t width = 0;
  float eps = 0;
};
Error launch_layer_norm(const LayerNorm& args, Stream stream);

}  // namespace tamis::gpu
