// Launches of argmax; contract in core/ops/argmax/argmax.h.
#pragma once

#include <cuda_runtime_api.h>

#include "kernels_cuda/common/matrix.h"

namespace tamis::cuda {

struct ArgmaxArgs {
  ConstMatrix logits;
  std::int32_t* token;
  std::int64_t rows;
  std::int64_t width;  // < 2^32
};

cudaError_t argmax_portable(const ArgmaxArgs& args, cudaStream_t stream);

}  // namespace tamis::cuda
