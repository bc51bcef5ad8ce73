// What the rows of sparse_mla and dense_mla share: how the keys of few tokens are split over a device.
#pragma once

#include <algorithm>

#include "backends/gpu/operands.h"
#include "kernels_gpu/common/latent_attention.h"

namespace tamis::gpu {

inline constexpr std::int64_t kPartKeys =
    64;  // at least, of a part: merging one costs about as much as a block of keys
inline constexpr std::int64_t kMostParts = 64;

using HeadsOfBlock = std::int64_t(std::int64_t heads_of_call);

// Heads of a block of the portable kernels, whatever a call has.
inline std::int64_t heads_of_portable_block(std::int64_t) { return kLatentHeads; }

// As many parts as fill the device twice; `blocks` are those of the call if its keys are not split.
inline std::int64_t latent_parts(const DeviceInfo& device, std::int64_t blocks, std::int64_t keys) {
  const std::int64_t wanted = 2 * device.units / std::max<std::int64_t>(1, blocks);
  return std::clamp<std::int64_t>(std::min(wanted, keys / kPartKeys), 1, kMostParts);
}

// Bytes of one part of every (token, head).
inline std::int64_t latent_part_bytes(const OpCall& call) {
  const TensorDesc& q = call[0].desc;  // q_latent
  return 4 * q.dim(0) * q.dim(1) * (q.dim(2) + 2);
}

// What a row that splits keys is made of. `most_keys` gives the most keys of a token, `heads_of_block` how
// its kernel deals heads, `arguments` the call's LatentAttention, whose workspace is cut into as many parts
// as it was planned for.
template <std::int64_t (*most_keys)(const OpCall&), HeadsOfBlock* heads_of_block = heads_of_portable_block>
std::int64_t parts_of(const DeviceInfo& device, const OpCall& call) {
  const TensorDesc& q = call[0].desc;  // q_latent
  const std::int64_t heads = heads_of_block(q.dim(1));
  const std::int64_t blocks = q.dim(0) * ((q.dim(1) + heads - 1) / heads);
  return latent_parts(device, blocks, most_keys(call));
}

template <std::int64_t (*most_keys)(const OpCall&), HeadsOfBlock* heads_of_block = heads_of_portable_block>
std::int64_t split_workspace(const DeviceInfo& device, const OpCall& call) {
  const std::int64_t parts = parts_of<most_keys, heads_of_block>(device, call);
  return parts > 1 ? parts * latent_part_bytes(call) : 0;
}

template <std::int64_t (*most_keys)(const OpCall&), HeadsOfBlock* heads_of_block = heads_of_portable_block>
Reason prefers_split(const DeviceInfo& device, const OpCall& call) {
  return parts_of<most_keys, heads_of_block>(device, call) > 1
             ? accept()
             : reason::slower("enough blocks without splitting keys");
}

template <LatentAttention (*arguments)(const OpCall&), auto launch_kernel>
Status launch_split(Queue& queue, const OpCall& call, const Scratch& scratch) {
  LatentAttention args = arguments(call);
  const std::int64_t part_bytes = latent_part_bytes(call);
  args.parts = part_bytes == 0 ? 1 : std::max<std::int64_t>(1, scratch.workspace_bytes / part_bytes);
  args.part.values = reinterpret_cast<float*>(address_of(scratch.workspace, scratch.workspace_offset));
  args.part.states = args.part.values + args.tokens * args.heads * args.parts * args.cache.c;
  return static_cast<GpuQueue&>(queue).submit(call.op->name, launch_kernel, args);
}

}  // namespace tamis::gpu
