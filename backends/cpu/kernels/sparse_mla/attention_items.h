// How attention on bf16 products (bf16_attention.cpp, tile_attention.cpp) cuts a call: an item is up to 128
// query rows, the heads of a token or of a few, and a part of their keys.
#pragma once

#include <algorithm>

#include "core/base/ceil_div.h"
#include "core/base/tensor.h"

namespace tamis::cpu::mla {

inline constexpr std::int64_t kMaxRows = 128;        // of an item
inline constexpr std::int64_t kMinKeysOfPart = 256;  // merging parts costs about what 10 keys cost

struct AttentionItems {
  std::int64_t tokens, heads, head_tiles;
  std::int64_t tile_tokens;  // of an item at most
  std::int64_t splits;       // more than one only where tokens are fewer than threads

  // longest: keys of a token at most; share: whether tokens next to each other may share an item; units:
  // threads.
  AttentionItems(const TensorDesc& q_latent, std::int64_t longest, bool share, std::int64_t units)
      : tokens(q_latent.dim(0)),
        heads(std::min(q_latent.dim(1), kMaxRows)),
        head_tiles(ceil_div(q_latent.dim(1), kMaxRows)),
        tile_tokens(share ? std::clamp<std::int64_t>(ceil_div(tokens, units), 1, kMaxRows / heads) : 1),
        splits(1) {
    if (tile_tokens > 1) return;
    const std::int64_t parts = ceil_div(longest, kMinKeysOfPart);
    splits = std::clamp<std::int64_t>(units / std::max<std::int64_t>(1, tiles()), 1,
                                      std::max<std::int64_t>(1, parts));
  }

  std::int64_t tiles() const { return ceil_div(tokens, tile_tokens) * head_tiles; }
  std::int64_t items() const { return tiles() * splits; }
};

}  // namespace tamis::cpu::mla
