// Arguments of rotating vectors: rope, and the composites that begin with it.
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

inline constexpr std::int64_t kRopeHeads = 16;  // of a block

}  // namespace tamis::gpu
