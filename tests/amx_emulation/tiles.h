// AMX's tile registers and tdpbf16ps in plain AVX-512, so that rows on AMX can be held to their contracts on
// a CPU without it: cmake -DTAMIS_EMULATE_AMX=ON. Slow, and for tests alone. What the shapes of a
// configuration leave out is neither read nor written, and a product of tiles whose shapes do not fit stops
// the program, as the instruction would.
#pragma once

#include <immintrin.h>

#include <cstdint>
#include <cstdlib>
#include <cstring>

namespace tamis::cpu::amx_emulation {
namespace {

struct Tiles {
  struct Config {
    std::uint8_t palette, start_row, reserved[14];
    std::uint16_t row_bytes[16];
    std::uint8_t rows[16];
  } config;
  alignas(64) std::uint8_t data[8][16][64];
};
[[maybe_unused]] thread_local Tiles tiles{};

[[maybe_unused]] void require(bool holds) {
  if (!holds) std::abort();
}

[[maybe_unused]] void load_config(const void* from) {
  std::memset(&tiles, 0, sizeof tiles);
  std::memcpy(&tiles.config, from, sizeof tiles.config);
  require(tiles.config.palette == 1);
}

[[maybe_unused]] void release() { std::memset(&tiles, 0, sizeof tiles); }

[[maybe_unused]] void zero(int tile) {
  require(tiles.config.palette == 1);
  std::memset(tiles.data[tile], 0, sizeof tiles.data[tile]);
}

[[maybe_unused]] void load(int tile, const void* from, std::int64_t stride) {
  zero(tile);
  for (int row = 0; row < tiles.config.rows[tile]; ++row) {
    std::memcpy(tiles.data[tile][row], static_cast<const std::uint8_t*>(from) + row * stride,
                tiles.config.row_bytes[tile]);
  }
}

[[maybe_unused]] void store(int tile, void* to, std::int64_t stride) {
  require(tiles.config.palette == 1);
  for (int row = 0; row < tiles.config.rows[tile]; ++row) {
    std::memcpy(static_cast<std::uint8_t*>(to) + row * stride, tiles.data[tile][row],
                tiles.config.row_bytes[tile]);
  }
}

[[maybe_unused]] void dot(int sums, int a, int b) {
  const Tiles::Config& c = tiles.config;
  require(c.palette == 1 && c.rows[sums] == c.rows[a] && c.row_bytes[sums] == c.row_bytes[b] &&
          c.row_bytes[a] == 4 * c.rows[b] && c.rows[sums] > 0 && c.rows[b] > 0);
  for (int row = 0; row < c.rows[a]; ++row) {
    __m512 sum = _mm512_load_ps(tiles.data[sums][row]);
    for (int pair = 0; pair < c.rows[b]; ++pair) {
      std::int32_t both;
      std::memcpy(&both, tiles.data[a][row] + 4 * pair, 4);
      sum = _mm512_dpbf16_ps(sum, (__m512bh)_mm512_set1_epi32(both),
                             (__m512bh)_mm512_load_si512(tiles.data[b][pair]));
    }
    std::memset(tiles.data[sums][row], 0, 64);
    _mm512_mask_storeu_ps(tiles.data[sums][row], static_cast<__mmask16>((1 << c.row_bytes[sums] / 4) - 1),
                          sum);
  }
}

}  // namespace
}  // namespace tamis::cpu::amx_emulation

#undef _tile_loadconfig
#undef _tile_release
#undef _tile_zero
#undef _tile_loadd
#undef _tile_stored
#undef _tile_dpbf16ps
#define _tile_loadconfig(from) ::tamis::cpu::amx_emulation::load_config(from)
#define _tile_release() ::tamis::cpu::amx_emulation::release()
#define _tile_zero(tile) ::tamis::cpu::amx_emulation::zero(tile)
#define _tile_loadd(tile, from, stride) ::tamis::cpu::amx_emulation::load(tile, from, stride)
#define _tile_stored(tile, to, stride) ::tamis::cpu::amx_emulation::store(tile, to, stride)
#define _tile_dpbf16ps(sums, a, b) ::tamis::cpu::amx_emulation::dot(sums, a, b)
