// Kernels of topk_select (contract: core/ops/topk_select/topk_select.h).
#pragma once

#include "kernels_gpu/common/launch.h"

namespace tamis::gpu {

struct TopkSelect {
  const float* scores = nullptr;
  std::int64_t scores_stride = 0;
  Ints ks, ke;  // ks.data null: 0
  Ints idx;     // stride: elements from row to row
  Ints count;
  std::int64_t tokens = 0;
  std::int64_t width = 0;
  std::int64_t k = 0;
};
Error launch_topk_select(const TopkSelect& args, Stream stream);

}  // namespace tamis::gpu
