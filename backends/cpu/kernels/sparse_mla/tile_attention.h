// sparse_mla and dense_mla on AMX: bf16 queries and outputs, packed FP8 or bf16 caches.
//
// An item is up to 128 query rows, taken against 256 keys at a time: as in bf16_attention.h heads of a token
// and a part of its keys, or, in dense_mla with few heads, those of several tokens of one sequence, each of
// which sees as many keys as its token. A cache row is widened once, in place of its key, with its scales,
// which kv_store makes powers of two, as exponents: exactly. Keys are the left operand of the scores,
// queries, packed once an item, the right one; so a row of scores holds all heads of one key, and maxima,
// weights and sums are vectors of heads. Weights are transposed, as pairs of bf16, to the left operand of the
// outputs, whose right one interleaves two widened keys. Nothing else is transposed.
//
// Bytes: the chosen rows once. FLOPs: 2 h k (2 C + R). A block takes, in the second-level cache, 295 KB of
// keys, 262 KB of values, 131 KB of scores, 64 KB of weights, 147 KB of queries and 262 KB of outputs at 128
// heads, C 512, R 64. Bound by the products from some 64 heads on, below that by fetching and widening rows.
// dense_mla, 64 tokens at the end of 2048, 16 heads, on two cores of a Sapphire Rapids class Xeon,
// 2026-11-23: 5.8 ms, a token at a time 12.2 (docs/cpu.md).
#pragma once

#include "backends/cpu/kernels/sparse_mla/latent_attention.h"

namespace tamis::cpu::mla {

inline constexpr std::int64_t kTileBlockKeys = 256;

struct KeyLists;

// A block of keys and the state of an item. Groups are of 16 heads (query rows), steps of 32 columns or keys;
// tiles are 16 x 32 bf16 or 16 x 16 f32.
struct TileBlock {
  std::int64_t groups;           // of heads
  std::int64_t n, key_steps;     // keys that are there, in steps
  std::int64_t steps, c_steps;   // of columns: all, the latent's
  const std::uint16_t* queries;  // [group][step][pair of columns][16 heads][2]
  std::uint16_t* keys;           // [16 keys][step][16][32]
  std::uint16_t* values;         // [key step][16 columns][pair of keys][16][2]
  float* scores;                 // [key][16 groups]
  std::uint16_t* weights;        // [group][kTileBlockKeys / 32][16 heads][32 keys]
  float* outputs;                // [group][16 columns][16 heads][16]
  float *max, *sum;              // [16 groups]
  float scale;
  const std::int32_t* seen;  // [16 groups] how many of the keys a head sees; null: all
};

// A cache row as key `key` of a block; null: zeros.
struct TileKey {
  const std::byte* row;
  std::int64_t key;
  std::int64_t c, r;
  bool packed;
};

// A head's outputs, or a part of them, times a factor.
struct TileOutput {
  float* outputs;  // [16 columns], tiles of 256 floats, from the head's row on
  std::int64_t tiles;
  float factor;
};

void widen_tile_key(const TileBlock& block, const TileKey& key);
void interleave_values(const TileBlock& block);
void weigh_tiles(const TileBlock& block);
void add_tile_output(const TileOutput& from, float* to);           // to += factor * from
void store_tile_output(const TileOutput& output, std::byte* dst);  // bf16, columns in order
void score_tiles_amx(const TileBlock& block);
void accumulate_tiles_amx(const TileBlock& block);
void begin_tiles_amx();
void end_tiles_amx();

Reason accept_tile_attention(const LatentOperands& operands);
std::int64_t tile_attention_workspace(const KeyLists& lists, const LatentOperands& operands,
                                      std::int64_t units);
void tile_attention(const KeyLists& lists, const LatentOperands& operands, std::byte* workspace);

}  // namespace tamis::cpu::mla
