// What indexer_scores and indexer_topk have in common: whose keys a token sees, loading queries and key
// tiles, and the loop over tokens and tiles.
#pragma once

#include <cstdint>

#include "backends/cpu/kernels/indexer/index_cache.h"
#include "backends/cpu/kernels/indexer/tile.h"
#include "core/graph/op_call.h"
#include "core/ops/ops.h"

namespace tamis::cpu::indexer {

// The operands and params of either op. Tensors that an op lacks are absent ones.
struct ScoreCall {
  const Tensor &q, &w, &q_scale;
  const Tensor &keys, &key_scale;
  const Tensor &seq_of_token, &page_table;
  const Tensor &ks, &ke;
  IndexFormat format;
  bool paged;
  std::int64_t page_size;
  float scale;
  std::int64_t max_keys;

  std::int64_t tokens() const { return q.desc.dim(0); }
  TileShape shape() const { return {q.desc.dim(1), q.desc.dim(2)}; }
};

// Whether bf16 holds queries and keys exactly, for kAvx512Bf16Tile.
Reason accept_bf16_tile(const ScoreCall& call);

// Where a token's keys are. Positions count from the start of its sequence; tokens with equal sequence and
// origin share their keys.
struct Visible {
  std::int64_t sequence = 0;  // paged: row of the page table
  std::int64_t origin = 0;    // ragged: key row of position 0
  std::int64_t keys = 0;      // positions [0, keys) are seen, at most max_keys; not all of them need exist
};
Visible visible(const ScoreCall& call, std::int64_t token);

// How the work is cut. Blocks of neighbouring tokens share each key tile they load; when there are fewer
// blocks than threads (decoding), each block's keys are split as well. No cut changes a result.
struct Grid {
  std::int64_t block_tokens, blocks, splits;

  std::int64_t items() const { return blocks * splits; }
};
inline constexpr std::int64_t kMaxBlockTokens = 32;  // loading a tile costs up to 5 % of scoring it 32 times
Grid make_grid(const TileKernel& kernel, std::int64_t tokens, std::int64_t threads);

// FLOPs of the tokens that see at least min_keys keys.
std::int64_t scoring_flops(const ScoreCall& call, std::int64_t min_keys);

// The grain of a parallel_for over items: all of them when the work takes less than waking the other threads.
constexpr std::int64_t item_grain(const Grid& grid, std::int64_t flops) {
  return flops < (1 << 19) ? grid.items() : 1;
}

// Scratch of one thread, in floats: queries and weights of a block, a tile and its scales, one widened key,
// one row of scores, the kernel's own.
std::int64_t thread_floats(const TileKernel& kernel, const TileShape& shape, std::int64_t block_tokens);

// Takes scores of positions [first, first + count) of a token; an item brings them in order of position.
struct Sink {
  void (*take)(void* context, std::int64_t token, std::int64_t first, std::int64_t count,
               const float* scores);
  void* context;
  std::int64_t min_keys;  // tokens that see fewer keys are passed over
};

// Scores what `item` of grid.items() covers. A visible key that is not there (its page is absent) scores
// -inf.
void score_item(const ScoreCall& call, const TileKernel& kernel, const Grid& grid, std::int64_t item,
                float* scratch, const Sink& sink);

}  // namespace tamis::cpu::indexer
