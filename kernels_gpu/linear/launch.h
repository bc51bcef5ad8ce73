// Kernels of linear (contract: core/ops/linear/linear.h).
#pragma once

#include "kernels_gpu/common/product.h"

namespace tamis::gpu {

struct Linear : Product {
  bool packed = false;  // which form w has
};

// Any number of tokens, any weight.
Error launch_linear_tiled(const Linear& args, Stream stream);

// For few tokens: reads the weight once per kDecodeTokens of them.
inline constexpr std::int64_t kDecodeTokens = 8;
Error launch_linear_decode(const Linear& args, Stream stream);

}  // namespace tamis::gpu
