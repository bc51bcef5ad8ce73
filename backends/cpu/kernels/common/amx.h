// AMX tiles for files that are compiled for them: the intrinsics, and their configuration. A build with
// TAMIS_EMULATE_AMX, made for tests on CPUs without AMX, has functions in place of the intrinsics
// (tests/amx_emulation/).
#pragma once

#include <immintrin.h>

#include <cstdint>

namespace tamis::cpu::amx {

struct TileConfig {
  std::uint8_t palette = 1;
  std::uint8_t start_row = 0;
  std::uint8_t reserved[14] = {};
  std::uint16_t row_bytes[16] = {};
  std::uint8_t rows[16] = {};
};

// GCC 12's _tile_loadconfig names eight bytes of memory, and the compiler would drop stores to the others.
#define TAMIS_CONFIGURE_TILES(config)                   \
  do {                                                  \
    __asm__ volatile("" : : "r"(&(config)) : "memory"); \
    _tile_loadconfig(&(config));                        \
  } while (false)

// Stores by vectors must not sink below loads of tiles from the same memory: GCC 12's _tile_loadd names no
// memory.
#define TAMIS_TILES_READ_MEMORY() __asm__ volatile("" ::: "memory")

// All eight tiles with 16 rows of 64 bytes.
static inline __attribute__((always_inline)) void configure_whole_tiles() {
  alignas(64) TileConfig config;
  for (int tile = 0; tile < 8; ++tile) config.rows[tile] = 16, config.row_bytes[tile] = 64;
  TAMIS_CONFIGURE_TILES(config);
}

}  // namespace tamis::cpu::amx
