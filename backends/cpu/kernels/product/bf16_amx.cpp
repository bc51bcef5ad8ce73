// AMX bf16: 32 rows of x by two blocks of 16 weight rows as four tiles of sums, two of x, two of weights; 16
// multiply-accumulates of tiles per 4 loads. Sums without scales go on in c; with scales each call's sums are
// stored, scaled and added by vectors.
#include <cstring>

#include "backends/cpu/kernels/common/amx.h"
#include "backends/cpu/kernels/product/bf16.h"

namespace tamis::cpu {
namespace {

// Tiles: 0 to 3 the sums (row half x block), 4 and 5 the halves of x, 6 and 7 the weights.
constexpr int kSums = 0, kX = 4;

// Tiles for `rows` rows of x, at most 32.
void configure(std::int64_t rows) {
  alignas(64) amx::TileConfig config;
  const auto upper = static_cast<std::uint8_t>(rows < 16 ? rows : 16);
  const auto lower = static_cast<std::uint8_t>(rows > 16 ? rows - 16 : 0);
  for (int tile = 0; tile < 8; ++tile) {
    config.rows[tile] = 16;
    config.row_bytes[tile] = 64;
  }
  config.rows[kSums] = config.rows[kSums + 1] = config.rows[kX] = upper;
  config.rows[kSums + 2] = config.rows[kSums + 3] = config.rows[kX + 1] = lower > 0 ? lower : 1;
  TAMIS_CONFIGURE_TILES(config);
}

struct TileSums {
  float* at;  // 32 rows x 32
  std::int64_t stride;
};

// Two: the lower 16 rows, too. Wide: two blocks.
template <bool two, bool wide>
void multiply(const BlockProduct& p, std::int64_t row, std::int64_t block, bool add, const TileSums& sums) {
  const auto* x = reinterpret_cast<const char*>(p.x + row * p.x_stride);
  const auto* weights = reinterpret_cast<const char*>(p.blocks + block * p.block_stride);
  const auto* upper = reinterpret_cast<char*>(sums.at);
  const std::int64_t x_bytes = 2 * p.x_stride, sum_bytes = 4 * sums.stride;
  if (add) {
    _tile_loadd(0, upper, sum_bytes);
    if constexpr (wide) _tile_loadd(1, upper + 64, sum_bytes);
    if constexpr (two) _tile_loadd(2, upper + 16 * sum_bytes, sum_bytes);
    if constexpr (two && wide) _tile_loadd(3, upper + 16 * sum_bytes + 64, sum_bytes);
  } else {
    _tile_zero(0);
    if constexpr (wide) _tile_zero(1);
    if constexpr (two) _tile_zero(2);
    if constexpr (two && wide) _tile_zero(3);
  }
  for (std::int64_t i = 0; i < p.pairs; i += 16) {
    _tile_loadd(4, x + 4 * i, x_bytes);
    _tile_loadd(6, weights + 64 * i, 64);
    _tile_dpbf16ps(0, 4, 6);
    if constexpr (wide) {
      _tile_loadd(7, weights + 2 * p.block_stride + 64 * i, 64);
      _tile_dpbf16ps(1, 4, 7);
    }
    if constexpr (two) {
      _tile_loadd(5, x + 16 * x_bytes + 4 * i, x_bytes);
      _tile_dpbf16ps(2, 5, 6);
      if constexpr (wide) _tile_dpbf16ps(3, 5, 7);
    }
  }
  auto* out = reinterpret_cast<char*>(sums.at);
  _tile_stored(0, out, sum_bytes);
  if constexpr (wide) _tile_stored(1, out + 64, sum_bytes);
  if constexpr (two) _tile_stored(2, out + 16 * sum_bytes, sum_bytes);
  if constexpr (two && wide) _tile_stored(3, out + 16 * sum_bytes + 64, sum_bytes);
}

void add_scaled(const BlockProduct& p, std::int64_t row, std::int64_t rows, std::int64_t block,
                std::int64_t blocks) {
  for (std::int64_t t = 0; t < rows; ++t) {
    const __m512 x_scale =
        _mm512_set1_ps(p.x_scales != nullptr ? p.x_scales[(row + t) * p.x_scale_stride] : 1.0f);
    for (std::int64_t b = 0; b < blocks; ++b) {
      float* c = p.c + (row + t) * p.ldc + 16 * (block + b);
      const __m512 scale = _mm512_mul_ps(_mm512_loadu_ps(p.w_scales + 16 * (block + b)), x_scale);
      const __m512 sum = _mm512_loadu_ps(p.spare + 32 * t + 16 * b);
      _mm512_storeu_ps(c, _mm512_fmadd_ps(sum, scale, _mm512_loadu_ps(c)));
    }
  }
}

template <bool two, bool wide>
void add_tiles(const BlockProduct& p, std::int64_t row, std::int64_t rows, std::int64_t block) {
  if (p.w_scales == nullptr) {
    return multiply<two, wide>(p, row, block, true, {p.c + row * p.ldc + 16 * block, p.ldc});
  }
  multiply<two, wide>(p, row, block, false, {p.spare, 32});
  add_scaled(p, row, rows, block, wide ? 2 : 1);
}

template <bool two>
void add_row_tiles(const BlockProduct& p, std::int64_t row, std::int64_t rows) {
  std::int64_t block = 0;
  for (; block + 2 <= p.block_count; block += 2) add_tiles<two, true>(p, row, rows, block);
  if (block < p.block_count) add_tiles<two, false>(p, row, rows, block);
}

}  // namespace

void add_blocks_amx(const BlockProduct& p) {
  TAMIS_TILES_READ_MEMORY();
  std::int64_t row = 0;
  if (p.rows >= 32) configure(32);
  for (; row + 32 <= p.rows; row += 32) add_row_tiles<true>(p, row, 32);
  const std::int64_t rest = p.rows - row;
  if (rest > 0) configure(rest);
  if (rest > 16) add_row_tiles<true>(p, row, rest);
  if (rest > 0 && rest <= 16) add_row_tiles<false>(p, row, rest);
  _tile_release();
}

}  // namespace tamis::cpu
