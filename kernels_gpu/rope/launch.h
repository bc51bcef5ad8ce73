// Kernels of rope (contract: core/ops/rope/rope.h).
#pragma once

#include "kernels_gpu/common/launch.h"

namespace tamis::gpu {

struct Rope {
  Vectors x, y;
  Ints positions;
  const float* inv_freq = nullptr;
  std::int64_t tokens = 0;
  std::int64_t heads = 0;
  std::int64_t width = 0;
  std::int64_t half = 0;  // pairs
  std::int64_t begin = 0;
  bool interleaved = true;
  float magnitude = 1;
};
Error launch_rope(const Rope& args, Stream stream);

}  // namespace tamis::gpu
