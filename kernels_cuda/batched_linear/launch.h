// Launches of batched_linear; contract in core/ops/batched_linear/batched_linear.h.
#pragma once

#include <cuda_runtime_api.h>

#include <cstdint>

#include "kernels_cuda/common/matrix.h"

namespace tamis::cuda {

// y[t, h] = x[t, h] . w[h] of a few tokens, w e4m3 in the layout `row_scales`: rows of row_bytes codes, and a
// scale per row and 128 columns. Columns of w in multiples of 16.
struct BatchedFp8Args {
  ConstMatrix x;  // of head 0; row_stride from token to token
  std::int64_t x_head_stride;
  const std::uint8_t* codes;
  std::int64_t row_bytes;
  const float* scales;
  std::int64_t groups;
  Matrix y;
  std::int64_t y_head_stride;
  int tokens, heads, k, n;
};

// w [heads, n, k]; x in 16 bits, in vectors of 16 bytes.
cudaError_t batched_decode_nk(const BatchedFp8Args& args, cudaStream_t stream);
// w [heads, k, n].
cudaError_t batched_decode_kn(const BatchedFp8Args& args, cudaStream_t stream);

}  // namespace tamis::cuda
