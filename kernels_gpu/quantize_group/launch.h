// Kernels of quantize_group (contract: core/ops/quantize_group/quantize_group.h).
#pragma once

#include "kernels_gpu/common/launch.h"

namespace tamis::gpu {

struct QuantizeGroup {
  Vectors x, codes;
  float* scales = nullptr;  // [tokens, heads, groups of a vector]
  std::int64_t tokens = 0;
  std::int64_t heads = 0;
  std::int64_t width = 0;
  std::int64_t group = 0;
  bool pow2 = true;
};
Error launch_quantize_group(const QuantizeGroup& args, Stream stream);

}  // namespace tamis::gpu
