// What sparse_mla and dense_mla share: tiles of (tokens x heads) query rows against blocks of cache rows,
// each row decoded once to f32 for all query rows of the tile. The latent is key and value, so a block is
// stored once.
#pragma once

#include "backends/cpu/host_tensor.h"
#include "backends/cpu/kernels/common/attention_tile.h"
#include "backends/cpu/kernels/common/kv_rows.h"
#include "backends/cpu/kernels/product/f32.h"
#include "core/base/reason.h"

namespace tamis::cpu {

// Operands by role; absent ones are null.
struct LatentOperands {
  const Tensor* q_latent;
  const Tensor* q_rope;
  const Tensor* cache;
  const Tensor* sink;
  const Tensor* out;
  const Tensor* lse;
  const Tensor* max_logits;
  KvLayout layout;
  float scale;
  const F32Kernels* vectors;  // that decode cache rows; null: plain code
};

#if defined(__x86_64__)
// What the f32 vector rows of sparse_mla and dense_mla take.
Reason accept_latent_vectors(const KvLayout& layout);
#endif

// How a call is cut into tasks of `tokens` x `heads` query rows.
struct LatentTiling {
  std::int64_t tokens;  // per tile
  std::int64_t heads;   // per tile
  std::int64_t token_tiles;
  std::int64_t head_tiles;
  std::int64_t tasks() const { return token_tiles * head_tiles; }
};
// max_tokens: how many tokens may share a tile (1 when each has keys of its own).
LatentTiling latent_tiling(const TensorDesc& q_latent, std::int64_t max_tokens, std::int64_t units);

// Bytes of workspace for all threads.
std::int64_t latent_workspace(const LatentTiling& tiling, const KvLayout& layout, std::int64_t units);

class LatentTile {
 public:
  LatentTile(const LatentOperands& operands, const LatentTiling& tiling, const Gemm& gemm, float* memory);
  static std::int64_t floats(const LatentTiling& tiling, const KvLayout& layout);

  static constexpr std::int64_t kKeys = 64;  // per block: 147 KB of f32 at C 512, R 64

  // Tokens [first, first + tokens) x heads [head, head + heads): loads the queries.
  void begin(std::int64_t first, std::int64_t tokens, std::int64_t head, std::int64_t heads);
  // Decodes the cache row of `slot` as key `i` of the current block.
  void load_key(std::int64_t i, std::int64_t slot);
  // Attends to the first `n` loaded keys; visible(token) of them count for the tile's token `token`.
  template <class Visible>
  void attend(std::int64_t n, const Visible& visible) {
    tile_.add({n, keys_, width_, keys_, width_}, [&](std::int64_t row) { return visible(row / heads_); });
  }
  // Stores out, lse and max_logits.
  void finish();

 private:
  float* key(std::int64_t i) { return keys_ + i * width_; }

  const LatentOperands& operands_;
  std::int64_t width_;  // C + R
  const RowOps& rows_;
  AttentionTile tile_;
  float* keys_;  // [kKeys, width]
  std::int64_t first_ = 0, tokens_ = 0, head_ = 0, heads_ = 0;
};

}  // namespace tamis::cpu
