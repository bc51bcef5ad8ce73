// Launch of silu_mul; contract in core/ops/silu_mul/silu_mul.h.
#pragma once

#include <cuda_runtime_api.h>

#include "kernels_cuda/common/matrix.h"

namespace tamis::cuda {

struct SiluMulArgs {
  ConstMatrix x;  // [tokens, 2 columns]
  Matrix y;       // [tokens, columns]
  std::int64_t tokens;
  std::int64_t columns;
};
cudaError_t silu_mul(const SiluMulArgs& args, cudaStream_t stream);

}  // namespace tamis::cuda
