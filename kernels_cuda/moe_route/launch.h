// Launch of moe_route; contract in core/ops/moe_route/moe_route.h.
#pragma once

#include <cuda_runtime_api.h>

#include <cstdint>

namespace tamis::cuda {

struct MoeRouteArgs {
  const float* logits;  // [tokens, experts]
  std::int64_t logits_stride;
  const float* bias;         // null: none
  const std::int32_t* slot;  // null: no padding
  std::int32_t* ids;         // [tokens, topk]
  float* weights;
  std::int64_t tokens;
  int experts;
  int topk;
  int groups;
  int kept_groups;
  bool norm;
  float scale;
};
// Shared memory holds two words an expert and two a group.
inline constexpr int kMaxRouteExperts = 4096;
cudaError_t moe_route(const MoeRouteArgs& args, cudaStream_t stream);

}  // namespace tamis::cuda
