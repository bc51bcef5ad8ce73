// Kernels of moe_route (contract: core/ops/moe_route/moe_route.h).
#pragma once

#include "kernels_gpu/common/launch.h"

namespace tamis::gpu {

struct MoeRoute {
  const float* logits = nullptr;
  std::int64_t logits_stride = 0;
  const float* bias = nullptr;  // null: none
  Ints slot;                    // data null: none
  Ints ids;
  float* weights = nullptr;
  std::int64_t weights_stride = 0;
  std::uint32_t* words = nullptr;  // word_count for each of kRouteBlocks blocks; null: they fit local memory
  // What a block notes: a rank per expert and per group, the ids that it chose, p of every expert.
  std::int64_t word_count = 0;
  std::int64_t tokens = 0;
  std::int64_t experts = 0;
  std::int64_t topk = 0;
  std::int64_t groups = 0;
  std::int64_t kept_groups = 0;
  bool normalize = false;
  float scale = 1;
};
Error launch_moe_route(const MoeRoute& args, Stream stream);

inline constexpr std::int64_t kRouteLocalWords = 8192;  // 32 KB of local memory
inline constexpr std::int64_t kRouteBlocks = 256;       // of a launch whose words do not fit

}  // namespace tamis::gpu
