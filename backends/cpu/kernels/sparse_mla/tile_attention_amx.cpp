// The tile products of sparse_mla: 32 keys x 32 heads of scores, 32 heads x 32 columns of outputs.
#include "backends/cpu/kernels/common/amx.h"
#include "backends/cpu/kernels/product/stripe.h"
#include "backends/cpu/kernels/sparse_mla/tile_attention.h"

namespace tamis::cpu::mla {
namespace {

constexpr std::int64_t kTileCodes = kTileSize * kStepCols;

// Two tiles of the left operand and two of the right one, `stride` codes from step to step.
struct Operands {
  const std::uint16_t *a0, *a1, *b0, *b1;
  std::int64_t a_stride, b_stride;
};

// Without the second half of a or b that operand's tiles are not touched.
template <bool A, bool B>
inline __attribute__((always_inline)) void multiply(const Operands& o, std::int64_t steps) {
  for (std::int64_t i = 0; i < steps; ++i) {
    _tile_loadd(4, o.a0 + i * o.a_stride, 64);
    _tile_loadd(6, o.b0 + i * o.b_stride, 64);
    _tile_dpbf16ps(0, 4, 6);
    if constexpr (B) {
      _tile_loadd(7, o.b1 + i * o.b_stride, 64);
      _tile_dpbf16ps(1, 4, 7);
    }
    if constexpr (A) {
      _tile_loadd(5, o.a1 + i * o.a_stride, 64);
      _tile_dpbf16ps(2, 5, 6);
      if constexpr (B) _tile_dpbf16ps(3, 5, 7);
    }
  }
}

template <bool B>
void score(const TileBlock& block, std::int64_t key, std::int64_t group) {
  const std::int64_t row = kTileCodes * block.steps, heads = kTileSize * block.groups;
  const std::uint16_t* keys = block.keys + key / kTileSize * row;
  const std::uint16_t* queries = block.queries + group * row;
  _tile_zero(0);
  _tile_zero(1);
  _tile_zero(2);
  _tile_zero(3);
  multiply<true, B>({keys, keys + row, queries, queries + row, kTileCodes, kTileCodes}, block.steps);
  float* scores = block.scores + key * heads + group * kTileSize;
  _tile_stored(0, scores, 4 * heads);
  if constexpr (B) _tile_stored(1, scores + kTileSize, 4 * heads);
  _tile_stored(2, scores + kTileSize * heads, 4 * heads);
  if constexpr (B) _tile_stored(3, scores + kTileSize * heads + kTileSize, 4 * heads);
}

template <bool A>
void accumulate(const TileBlock& block, std::int64_t group, std::int64_t tile) {
  constexpr std::int64_t kWeights = kTileBlockKeys / kStepCols * kTileCodes;  // of a group
  const std::int64_t tiles = 2 * block.c_steps;
  const std::uint16_t* a = block.weights + group * kWeights;
  const std::uint16_t* b = block.values + tile * kTileCodes;
  float* upper = block.outputs + (group * tiles + tile) * kTileFloats;
  float* lower = upper + tiles * kTileFloats;
  _tile_loadd(0, upper, 64);
  _tile_loadd(1, upper + kTileFloats, 64);
  if constexpr (A) _tile_loadd(2, lower, 64);
  if constexpr (A) _tile_loadd(3, lower + kTileFloats, 64);
  multiply<A, true>({a, a + kWeights, b, b + kTileCodes, kTileCodes, tiles * kTileCodes}, block.key_steps);
  _tile_stored(0, upper, 64);
  _tile_stored(1, upper + kTileFloats, 64);
  if constexpr (A) _tile_stored(2, lower, 64);
  if constexpr (A) _tile_stored(3, lower + kTileFloats, 64);
}

}  // namespace

void score_tiles_amx(const TileBlock& block) {
  TAMIS_TILES_READ_MEMORY();
  for (std::int64_t key = 0; key < kStepCols * block.key_steps; key += 2 * kTileSize) {
    std::int64_t group = 0;
    for (; group + 2 <= block.groups; group += 2) score<true>(block, key, group);
    if (group < block.groups) score<false>(block, key, group);
  }
}

void accumulate_tiles_amx(const TileBlock& block) {
  TAMIS_TILES_READ_MEMORY();
  for (std::int64_t tile = 0; tile < 2 * block.c_steps; tile += 2) {
    std::int64_t group = 0;
    for (; group + 2 <= block.groups; group += 2) accumulate<true>(block, group, tile);
    if (group < block.groups) accumulate<false>(block, group, tile);
  }
}

void begin_tiles_amx() { amx::configure_whole_tiles(); }
void end_tiles_amx() { _tile_release(); }

}  // namespace tamis::cpu::mla
