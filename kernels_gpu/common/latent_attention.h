// Arguments of attention over the latent cache: sparse_mla and dense_mla.
#pragma once

#include "kernels_gpu/common/launch.h"

namespace tamis::gpu {

// A (token, head) over one part of its keys: weighted values, not yet divided, and the softmax state (max,
// sum).
struct LatentParts {
  float* values = nullptr;  // [tokens, heads, parts, c]
  float* states = nullptr;  // [tokens, heads, parts, 2]
};

struct LatentAttention {
  Vectors q_latent, q_rope;
  KvCache cache;
  Ints slots;   // sparse: [tokens, k], stride from row to row
  Ints length;  // sparse, null: k
  std::int64_t k = 0;
  PageTable table;  // dense
  Ints sequence, ke;
  const float* sink = nullptr;
  Vectors out;
  float* lse = nullptr;         // [tokens, heads]
  float* max_logits = nullptr;  // the same; null: not asked for
  std::int64_t tokens = 0;
  std::int64_t heads = 0;
  float scale = 1;
  // 1: a block goes through all keys of its rows. More: each takes a part, and the parts are merged after.
  std::int64_t parts = 1;
  LatentParts part;
};

inline constexpr std::int64_t kLatentHeads = 8;  // of a block

}  // namespace tamis::gpu
