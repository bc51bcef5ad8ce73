// What the rows of sparse_mla and dense_mla share: how the keys of few tokens are split over a device.
#pragma once

#include <algorithm>

#include "backends/gpu/operands.h"
#include "kernels_gpu/common/latent_attention.h"

namespace tamis::gpu {

inline constexpr std::int64_t kPartKeys =
    64;  // at least, of a part: merging one costs about as much as a block of keys
inline constexpr std::int64_t kMostParts = 64;

// Blocks of a call whose keys are not split.
inline std::int64_t latent_blocks(std::int64_t tokens, std::int64_t heads) {
  return tokens * ((heads + kLatentHeads - 1) / kLatentHeads);
}

// As many parts as fill the device twice.
inline std::int64_t latent_parts(const DeviceInfo& device, std::int64_t blocks, std::int64_t keys) {
  const std::int64_t wanted = 2 * device.units / std::max<std::int64_t>(1, blocks);
  return std::clamp<std::int64_t>(std::min(wanted, keys / kPartKeys), 1, kMostParts);
}

// Bytes of one part of every (token, head).
inline std::int64_t latent_part_bytes(const OpCall& call, int q_latent) {
  const TensorDesc& q = call[q_latent].desc;
  return 4 * q.dim(0) * q.dim(1) * (q.dim(2) + 2);
}

// Cuts the workspace into as many parts as it was planned for.
inline void use_parts(const Scratch& scratch, std::int64_t part_bytes, LatentAttention& args) {
  args.parts = part_bytes == 0 ? 1 : std::max<std::int64_t>(1, scratch.workspace_bytes / part_bytes);
  args.part.values = reinterpret_cast<float*>(address_of(scratch.workspace, scratch.workspace_offset));
  args.part.states = args.part.values + args.tokens * args.heads * args.parts * args.cache.c;
}

}  // namespace tamis::gpu
