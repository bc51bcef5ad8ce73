// Tile scoring on AMX: keys and queries that bf16 holds exactly (bf16 itself, e4m3 codes), sums f32.
//
// The tile is 8 blocks of [pair of dimensions][16 keys][2] (kernels/product/bf16.h). A step is 32 heads x 32
// keys as 2 x 2 tiles; its dot products go to 4 KB of scratch, where ReLU, head weight and head sum, heads in
// order, take them while the next step's products run: a tile of 16 x 16 costs 64 cycles of products at 128
// dimensions and 16 x 3 vector instructions. 2 Hi Di FLOP a key: bound by the products.
#include "backends/cpu/kernels/common/amx.h"
#include "backends/cpu/kernels/indexer/tile.h"
#include "backends/cpu/kernels/product/bf16.h"

namespace tamis::cpu::indexer {
namespace {

constexpr std::int64_t kTileHeads = 16, kStepKeys = 32, kStepHeads = 32, kStepFloats = kStepKeys * kStepHeads;

std::int64_t min_of(std::int64_t a, std::int64_t b) { return a < b ? a : b; }

std::int64_t all_heads(const TileShape& shape) {
  return (shape.heads + kTileHeads - 1) / kTileHeads * kTileHeads;
}

void begin() { amx::configure_whole_tiles(); }

void end() { _tile_release(); }

// Heads [head, head + 32) or, where they end there, 16 of them; keys [16 block, 16 block + 32).
struct Step {
  const std::uint16_t* q;
  const float* weights;
  const std::uint16_t* blocks;
  std::int64_t heads;  // 32, 16, or 0: no step
  bool last;           // heads of its keys
  float* out;
};

// Sums over heads of the 32 keys of a step whose dot products lie in `dots`, heads [first, end).
inline __attribute__((always_inline)) void take_heads(const Step& step, const float* dots, std::int64_t first,
                                                      std::int64_t end, __m512 (&sums)[2]) {
  for (std::int64_t h = first; h < end; ++h) {
    const __m512 weight = _mm512_set1_ps(step.weights[h]);
    for (int v = 0; v < 2; ++v) {
      // Of a NaN and 0: 0.
      const __m512 relu = _mm512_max_ps(_mm512_load_ps(dots + kStepKeys * h + 16 * v), _mm512_setzero_ps());
      sums[v] = _mm512_fmadd_ps(weight, relu, sums[v]);
    }
  }
}

inline __attribute__((always_inline)) void finish_keys(const Step& step, __m512 (&sums)[2]) {
  if (!step.last) return;
  for (int v = 0; v < 2; ++v) {
    _mm512_storeu_ps(step.out + 16 * v, sums[v]);
    sums[v] = _mm512_setzero_ps();
  }
}

// The products of `step` to `dots`, and meanwhile the sums of the step before it.
inline __attribute__((always_inline)) void run(const Step& step, const TileShape& shape, float* dots,
                                               const Step& before, const float* dots_before,
                                               __m512 (&sums)[2]) {
  const std::int64_t dims = shape.dim, row_bytes = 2 * dims, key_block = kBlockRows * dims;
  const std::int64_t steps = dims / 32, per_step = (kStepHeads + steps - 1) / steps;
  _tile_zero(0);
  _tile_zero(1);
  _tile_zero(2);
  _tile_zero(3);
  for (std::int64_t i = 0; i < steps; ++i) {
    const std::uint16_t* q = step.q + 32 * i;
    const std::uint16_t* keys = step.blocks + 16 * 32 * i;
    _tile_loadd(4, q, row_bytes);
    _tile_loadd(6, keys, 64);
    _tile_dpbf16ps(0, 4, 6);
    _tile_loadd(7, keys + key_block, 64);
    _tile_dpbf16ps(1, 4, 7);
    if (step.heads == 32) {
      _tile_loadd(5, q + 16 * dims, row_bytes);
      _tile_dpbf16ps(2, 5, 6);
      _tile_dpbf16ps(3, 5, 7);
    }
    take_heads(before, dots_before, min_of(before.heads, i * per_step),
               min_of(before.heads, (i + 1) * per_step), sums);
  }
  finish_keys(before, sums);
  constexpr std::int64_t kRowBytes = 4 * kStepKeys;
  _tile_stored(0, dots, kRowBytes);
  _tile_stored(1, dots + 16, kRowBytes);
  if (step.heads != 32) return;
  _tile_stored(2, dots + 16 * kStepKeys, kRowBytes);
  _tile_stored(3, dots + 16 * kStepKeys + 16, kRowBytes);
}

void score(const Query& query, const TileShape& shape, const float* tile, float* scratch, float* out) {
  TAMIS_TILES_READ_MEMORY();
  const std::int64_t heads = all_heads(shape);
  const auto* q = reinterpret_cast<const std::uint16_t*>(query.q);
  const auto* blocks = reinterpret_cast<const std::uint16_t*>(tile);
  // Scratch is aligned to floats.
  auto* dots = reinterpret_cast<float*>((reinterpret_cast<std::uintptr_t>(scratch) + 63) / 64 * 64);
  float* dots_before = dots + kStepFloats;
  __m512 sums[2] = {_mm512_setzero_ps(), _mm512_setzero_ps()};
  Step before{};
  for (std::int64_t key = 0; key < kTileKeys; key += kStepKeys) {
    for (std::int64_t h = 0; h < heads; h += kStepHeads) {
      const std::int64_t of_step = heads - h > 16 ? 32 : 16;
      const Step step{q + h * shape.dim, query.weights + h,    blocks + key * shape.dim,
                      of_step,           h + of_step == heads, out + key};
      run(step, shape, dots, before, dots_before, sums);
      before = step;
      float* other = dots;
      dots = dots_before;
      dots_before = other;
    }
  }
  take_heads(before, dots_before, 0, before.heads, sums);
  finish_keys(before, sums);
}

std::int64_t scratch_floats(const TileShape&) { return 2 * kStepFloats + 16; }

}  // namespace

const TileKernel kAmxTile{.load = load_bf16_tile,
                          .prepare = prepare_bf16_query,
                          .begin = begin,
                          .end = end,
                          .score = score,
                          .scratch_floats = scratch_floats,
                          .head_block = kTileHeads,
                          .append = append_keys_avx512,
                          .select = select_keys_avx512,
                          .min_block_tokens = 32};

}  // namespace tamis::cpu::indexer
