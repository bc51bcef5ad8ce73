// Launch of moe_combine; contract in core/ops/moe_combine/moe_combine.h.
#pragma once

#include <cuda_runtime_api.h>

#include "kernels_cuda/common/matrix.h"

namespace tamis::cuda {

struct MoeCombineArgs {
  ConstMatrix y;  // [rows, hidden]
  const std::int32_t* row_of;
  std::int64_t row_of_stride;
  const float* weights;
  std::int64_t weights_stride;
  ConstMatrix shared;  // data null: none
  Matrix out;          // [tokens, hidden]
  std::int64_t rows;
  std::int64_t tokens;
  std::int64_t topk;
  std::int64_t hidden;
  bool dependent;  // launched behind the kernel that wrote y
};
cudaError_t moe_combine(const MoeCombineArgs& args, cudaStream_t stream);

}  // namespace tamis::cuda
