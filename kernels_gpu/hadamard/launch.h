// Kernels of hadamard (contract: core/ops/hadamard/hadamard.h).
#pragma once

#include "kernels_gpu/common/launch.h"

namespace tamis::gpu {

inline constexpr std::int64_t kLocalHadamard = 8192;     // widest vector that local memory holds, 32 KB
inline constexpr std::int64_t kHadamardBlocks = 1 << 8;  // with vectors in the workspace

struct Hadamard {
  Vectors x, y;
  std::int64_t tokens = 0;
  std::int64_t heads = 0;
  std::int64_t width = 0;
  float factor = 1;            // 1 / sqrt(width)
  float* workspace = nullptr;  // [kHadamardBlocks, width] of vectors that local memory does not hold
};
Error launch_hadamard(const Hadamard& args, Stream stream);

}  // namespace tamis::gpu
