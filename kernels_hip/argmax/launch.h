// Kernels of argmax (contract: core/ops/argmax/argmax.h).
#pragma once

#include "kernels_hip/common/launch.h"

namespace tamis::hip_kernels {

struct Argmax {
  Rows logits;
  Ints token;
  std::int64_t rows = 0;
  std::int64_t width = 0;
};
hipError_t launch_argmax(const Argmax& args, hipStream_t stream);

}  // namespace tamis::hip_kernels
