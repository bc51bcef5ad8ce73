// How attention on bf16 products (bf16_attention.cpp, tile_attention.cpp) cuts a call: an item is a token, up
// to 128 of its heads and a part of its keys.
#pragma once

#include <algorithm>

#include "core/base/ceil_div.h"
#include "core/base/tensor.h"

namespace tamis::cpu::mla {

inline constexpr std::int64_t kMaxHeads = 128;       // of an item
inline constexpr std::int64_t kMinKeysOfPart = 256;  // merging parts costs about what 10 keys cost

struct AttentionItems {
  std::int64_t tokens, heads, head_tiles;
  std::int64_t splits;  // more than one only where tokens are fewer than threads

  // longest: keys of a token at most; units: threads.
  AttentionItems(const TensorDesc& q_latent, std::int64_t longest, std::int64_t units)
      : tokens(q_latent.dim(0)),
        heads(std::min(q_latent.dim(1), kMaxHeads)),
        head_tiles(ceil_div(q_latent.dim(1), kMaxHeads)),
        splits(std::clamp<std::int64_t>(units / std::max<std::int64_t>(1, tiles()), 1,
                                        std::max<std::int64_t>(1, ceil_div(longest, kMinKeysOfPart)))) {}

  std::int64_t tiles() const { return tokens * head_tiles; }
  std::int64_t items() const { return tiles() * splits; }
};

}  // namespace tamis::cpu::mla
