// Launches of topk_select; contract in core/ops/topk_select/topk_select.h.
#pragma once

#include <cuda_runtime_api.h>

#include <cstdint>

namespace tamis::cuda {

struct TopkSelectArgs {
  const float* scores;  // [rows, width]
  std::int64_t row_stride;
  const std::int32_t* ks;  // [rows]; null: 0
  const std::int32_t* ke;  // [rows]
  std::int32_t* idx;       // [rows, k]
  std::int64_t idx_stride;
  std::int32_t* count;  // [rows]
  std::int64_t rows;
  std::int64_t width;
  int k;
};

cudaError_t topk_select_portable(const TopkSelectArgs& args, cudaStream_t stream);

}  // namespace tamis::cuda
