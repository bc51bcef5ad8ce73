// Scoring one token against a tile of keys: the arithmetic that indexer_scores and indexer_topk share, so
// that both see the same bits.
//
// A tile is kTileKeys keys of one sequence whose first position is a multiple of kTileKeys. Column j of a
// tile is always computed the same way, whatever the tile's other columns hold and whoever scores it. With
// the tile borders fixed to positions, a score depends on (query, key, position) alone: not on the batch, the
// chunk, the split of work or the number of threads. That is why the tile is always computed whole and never
// cut to the visible keys.
#pragma once

#include <cstddef>
#include <cstdint>

#include "core/backend/device_info.h"
#include "core/base/reason.h"

namespace tamis::cpu::indexer {

// 128 keys x 128 dimensions x 4 bytes is 64 KB: in L2 with the queries of a token, and long enough that sgemm
// runs at 80 % of its speed on large matrices. Longer tiles waste more on the last, partly visible one.
inline constexpr std::int64_t kTileKeys = 128;
inline constexpr std::int64_t kHeadBlock = 4;  // queries are padded to this many heads with zeros

struct TileShape {
  std::int64_t heads, dim;
};

// One token: q[padded heads, dim] and w'[padded heads] in f32. Padding heads are zero.
struct Query {
  const float* q;
  const float* weights;
};

// The stored keys of a tile, e4m3 or bf16 codes; null: a column of zeros.
struct KeyCodes {
  const std::byte* at[kTileKeys];
  bool fp8;
};

// Scores of positions from `first` on, as candidates' keys (numeric::sortable_key), those above `floor`, to
// keys; returns how many. At most kTileKeys.
struct ScoreRun {
  const float* scores;
  std::int64_t first, count;
  std::uint64_t floor;
};
using AppendKeys = std::int64_t (*)(const ScoreRun& run, std::uint64_t* keys);

// Moves the k largest of n different keys, k < n, to the front; returns the least of them.
using SelectKeys = std::uint64_t (*)(std::uint64_t* keys, std::int64_t n, std::int64_t k);

// Has either place or load.
struct TileKernel {
  // Puts the widened key of a column where score() wants it, in tile[kTileKeys * dim].
  void (*place)(const float* key, const TileShape& shape, std::int64_t column, float* tile) = nullptr;
  // Widens all keys of a tile.
  void (*load)(const KeyCodes& keys, const TileShape& shape, float* tile) = nullptr;
  // Puts the n elements of a query, f32, in place where score() wants them; null: as they are. n is a
  // multiple of 32.
  void (*prepare)(float* q, std::int64_t n) = nullptr;
  // Around the tiles of an item, on its thread; null: nothing to do.
  void (*begin)() = nullptr;
  void (*end)() = nullptr;
  // out[j] = Σ_h w'[h] · relu(q[h] · key[j]) for all kTileKeys columns, heads summed in order.
  void (*score)(const Query& query, const TileShape& shape, const float* tile, float* scratch, float* out);
  std::int64_t (*scratch_floats)(const TileShape& shape);
  std::int64_t head_block = kHeadBlock;  // queries are padded to this many heads
  AppendKeys append = nullptr;           // null: plain code
  SelectKeys select = nullptr;           // null: plain code; keeps the keys' order
  // Loading a tile of 128 keys costs 1 us (Sapphire Rapids), scoring it for one token 1 us with AMX, 8
  // without.
  std::int64_t min_block_tokens = 4;

  std::int64_t padded_heads(std::int64_t heads) const {
    return (heads + head_block - 1) / head_block * head_block;
  }
};

// Of kAvx512Bf16Tile, for kernels that want the same operands.
void load_bf16_tile(const KeyCodes& keys, const TileShape& shape, float* tile);
void prepare_bf16_query(float* q, std::int64_t n);
std::int64_t append_keys_avx512(const ScoreRun& run, std::uint64_t* keys);
std::uint64_t select_keys_avx512(std::uint64_t* keys, std::int64_t n, std::int64_t k);

extern const TileKernel kPortableTile;
extern const TileKernel kBlasTile;
extern const TileKernel kAvx512Bf16Tile;  // e4m3 or bf16 keys and queries; dim a multiple of 32
extern const TileKernel kAmxTile;         // likewise

// sgemm beats the portable loops from 256 query elements on (measured: 8 x 32 by a quarter, 64 x 128 four
// times, 4 x 32 not). The choice looks at the model's sizes alone, so it never changes between steps.
inline Reason prefers_blas_tile(const TileShape& shape) {
  return shape.heads * shape.dim >= 256 ? accept() : reason::slower("Hi x Di is too small for sgemm");
}

}  // namespace tamis::cpu::indexer
