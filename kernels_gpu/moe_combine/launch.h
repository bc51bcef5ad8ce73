// Kernels of moe_combine (contract: core/ops/moe_combine/moe_combine.h).
#pragma once

#include "kernels_gpu/common/launch.h"

namespace tamis::gpu {

struct MoeCombine {
  Rows y, shared, out;  // shared.data null: none
  Ints row_of;
  const float* weights = nullptr;
  std::int64_t weights_stride = 0;
  std::int64_t tokens = 0;
  std::int64_t topk = 0;
  std::int64_t rows = 0;  // of y
  std::int64_t width = 0;
};
Error launch_moe_combine(const MoeCombine& args, Stream stream);

}  // namespace tamis::gpu
