// Kernels of moe_permute (contract: core/ops/moe_permute/moe_permute.h).
#pragma once

#include "kernels_gpu/common/launch.h"

namespace tamis::gpu {

// Sorts the copies of tokens by (expert, token, k-slot).
struct ExpertOrder {
  Ints ids;      // [tokens, topk]
  Ints row_of;   // [tokens, topk]
  Ints offsets;  // [experts + 1]
  std::int32_t* token_of =
      nullptr;  // [tokens * topk]: the token of each row, -1 from row offsets[experts] on
  std::int64_t tokens = 0;
  std::int64_t topk = 0;
  std::int64_t experts = 0;
};
Error launch_expert_order(const ExpertOrder& args, Stream stream);

}  // namespace tamis::gpu
