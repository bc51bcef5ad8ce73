// Kernels of batched_linear (contract: core/ops/batched_linear/batched_linear.h).
#pragma once

#include "kernels_gpu/common/product.h"

namespace tamis::gpu {

// y[t, h] = x[t, h] . w[h]. x is read through head strides; with `transposed` w is [h, K, N], else [h, N, K].
struct BatchedLinear {
  Activations x;                   // of head 0
  std::int64_t x_head_stride = 0;  // elements
  std::int64_t scale_head_stride = 0;
  Rows y;  // of head 0
  std::int64_t y_head_stride = 0;
  WeightParts w;
  std::int64_t first_head = 0, heads = 0;  // that this launch computes; transposed only
  std::int64_t tokens = 0;
  std::int64_t k = 0;
  std::int64_t n = 0;
  bool transposed = false;
  bool packed = false;  // w is in the layout row_scales
};
static_assert(sizeof(BatchedLinear) <= kMaxArgumentBytes);

// Any number of tokens.
Error launch_batched_linear_tiled(const BatchedLinear& args, Stream stream);

// For few tokens: reads the weight once per kBatchedDecodeTokens of them.
inline constexpr std::int64_t kBatchedDecodeTokens = 4;
Error launch_batched_linear_decode(const BatchedLinear& args, Stream stream);

}  // namespace tamis::gpu
