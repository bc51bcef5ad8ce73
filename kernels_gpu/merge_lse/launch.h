// Kernels of merge_lse (contract: core/ops/merge_lse/merge_lse.h).
#pragma once

#include "kernels_gpu/common/launch.h"

namespace tamis::gpu {

struct MergeLse {
  Vectors a, b, out;
  Rows lse_a, lse_b, lse;  // f32
  std::int64_t tokens = 0;
  std::int64_t heads = 0;
  std::int64_t width = 0;
};
Error launch_merge_lse(const MergeLse& args, Stream stream);

}  // namespace tamis::gpu
