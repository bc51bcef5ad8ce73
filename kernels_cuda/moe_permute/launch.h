// Launches of moe_permute; contract in core/ops/moe_permute/moe_permute.h.
#pragma once

#include <cuda_runtime_api.h>

#include "kernels_cuda/common/matrix.h"

namespace tamis::cuda {

struct MoeSortArgs {
  const std::int32_t* ids;  // [tokens, topk]
  std::int64_t ids_stride;
  std::int64_t tokens;
  std::int64_t topk;
  std::int32_t n_experts;
  std::int32_t* row_of;   // [tokens, topk]
  std::int32_t* offsets;  // [n_experts + 1]
  bool dependent;         // launched behind a kernel that lets successors start (sm_90)
};
// Ranks the ids by (expert, token, k-slot).
cudaError_t moe_sort(const MoeSortArgs& args, cudaStream_t stream);

struct MoeGatherArgs {
  ConstMatrix x;  // [tokens, hidden]
  const std::int32_t* row_of;
  const std::int32_t* total;  // offsets[n_experts]
  void* xp;                   // [tokens * topk, hidden], elements as x
  std::int64_t tokens;
  std::int64_t topk;
  std::int64_t hidden;
};
// Copies rows to where moe_sort put them, zeroes behind the last.
cudaError_t moe_gather(const MoeGatherArgs& args, cudaStream_t stream);

}  // namespace tamis::cuda
