// Kernels of silu_mul (contract: core/ops/silu_mul/silu_mul.h).
#pragma once

#include "kernels_gpu/common/launch.h"

namespace tamis::gpu {

struct SiluMul {
  Rows x, y;
  std::int64_t tokens = 0;
  std::int64_t width = 0;  // of y
  // Rows in use, on the device; those behind them were never written and are left out. null: all.
  const std::int32_t* used = nullptr;
};
Error launch_silu_mul(const SiluMul& args, Stream stream);

}  // namespace tamis::gpu
