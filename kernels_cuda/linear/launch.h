// Launches of linear that serve no other op; contract in core/ops/linear/linear.h.
#pragma once

#include <cuda_runtime_api.h>

#include <cstdint>

#include "kernels_cuda/common/matrix.h"

namespace tamis::cuda {

// y = x . W^T of a few tokens, x and w in 16 bits. Rows of x and w in vectors of 16 bytes, K a multiple of 8.
struct GemvArgs {
  ConstMatrix x;  // [tokens, k]
  ConstMatrix w;  // [n, k]
  Matrix y;       // [tokens, n]
  int tokens, n, k;
};
cudaError_t gemv(const GemvArgs& args, cudaStream_t stream);

}  // namespace tamis::cuda
