// Kernels of argmax (contract: core/ops/argmax/argmax.h).
#pragma once

#include "kernels_gpu/common/launch.h"

namespace tamis::gpu {

struct Argmax {
  Rows logits;
  Ints token;
  std::int64_t rows = 0;
  std::int64_t width = 0;
};
Error launch_argmax(const Argmax& args, Stream stream);

}  // namespace tamis::gpu
