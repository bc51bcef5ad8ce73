// What the rows of sparse_mla and dense_mla share: arguments of shaders/common/latent_attention.glsl, and how
// the keys of few tokens are split over a device.
#pragma once

#include <algorithm>

#include "backends/vulkan/caches.h"

namespace tamis::vulkan {

struct LatentAttention {
  VectorArguments q_latent, q_rope, out;
  KvCacheArguments cache;
  PageTableArguments table;
  std::uint64_t sequence = 0, ke = 0;
  std::uint64_t slots = 0, slots_stride = 0, length = 0, sink = 0;
  std::uint64_t lse = 0, max_logits = 0, part_values = 0, part_states = 0;
  std::uint32_t tokens = 0, heads = 0, entries = 0, parts = 1;
  float scale = 1;
};
static_assert(sizeof(LatentAttention) > kPushBytes, "the shader takes them by address");

struct MergeParts {
  VectorArguments out;
  std::uint64_t values, states, sink, lse, max_logits;
  std::uint32_t rows, heads, c, parts;
};

// The operands that both ops have, under the numbers that they give them.
struct LatentOperands {
  const Tensor &q_latent, &q_rope, &cache, &out, &lse;
};

// Vulkan does not tell how many units a device has: as many work groups as fill a large one.
inline constexpr std::int64_t kWantedGroups = 128;
inline constexpr std::int64_t kPartKeys = 64;  // at least, of a part: merging one costs about as much
inline constexpr std::int64_t kMostParts = 64;
inline constexpr std::uint32_t kAttentionThreads = 128;  // of shaders/common/attention.glsl

// With 16 rows; that of the tiles, and what the users of attention.glsl add.
inline constexpr std::int64_t kAttentionShared = 22 << 10;

// Query rows of a work group, for so many that share their keys.
inline std::uint32_t attention_rows(std::int64_t rows) { return rows <= 4 ? 4 : rows <= 8 ? 8 : 16; }
// Columns of a thread.
inline std::uint32_t attention_width(std::int64_t columns) {
  return columns <= kAttentionThreads ? 1 : columns <= 2 * kAttentionThreads ? 2 : 4;
}
inline std::int64_t attention_column_blocks(std::int64_t columns) {
  const std::int64_t width = kAttentionThreads * attention_width(columns);
  return (columns + width - 1) / width;
}

inline std::int64_t latent_groups(const TensorDesc& q) {
  const std::int64_t rows = attention_rows(q.dim(1));
  return q.dim(0) * ((q.dim(1) + rows - 1) / rows);
}

// Parts for tokens that see up to `keys` keys.
inline std::int64_t latent_parts(const TensorDesc& q, std::int64_t keys) {
  const std::int64_t wanted = kWantedGroups / std::max<std::int64_t>(1, latent_groups(q));
  return std::clamp<std::int64_t>(std::min(wanted, keys / kPartKeys), 1, kMostParts);
}

// Bytes of one part of every (token, head): weighted values, the maximum and the sum.
inline std::int64_t latent_part_bytes(const TensorDesc& q) {
  return 4 * q.dim(0) * q.dim(1) * (q.dim(2) + 2);
}

// Bytes of all parts; a single one needs no merging.
inline std::int64_t parts_bytes(const TensorDesc& q, std::int64_t parts) {
  return parts > 1 ? parts * latent_part_bytes(q) : 0;
}

Reason accept_latent(const DeviceInfo& device, const LatentOperands& in);

LatentAttention latent_attention(const LatentOperands& in, const KvCacheArguments& cache, float scale);

// Cuts the workspace into as many parts as it was planned for.
void use_parts(const Scratch& scratch, const TensorDesc& q, LatentAttention& args);

Status merge_latent_parts(VulkanQueue& recorder, const LatentOperands& in, const LatentAttention& args);

// `shader`, and the merge where there are parts.
Status dispatch_latent(VulkanQueue& recorder, std::string_view shader, const LatentOperands& in,
                       KvFormat format, const LatentAttention& args);

}  // namespace tamis::vulkan
