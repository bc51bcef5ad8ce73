// Runs one block of GPU threads after another on the calling thread: a fiber for each GPU thread, switched
// where it waits for others (barriers, exchanges within a wave). Kernels see this through hip/hip_runtime.h.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>

namespace hip_emulation {

struct Index {
  unsigned x = 0, y = 0, z = 0;
};

// Where a thread waits; reports name it, and threads that wait at different sites do not meet.
struct Site {
  const char* file = "";
  int line = 0;
};

inline constexpr int kMaxWave = 64;
inline constexpr unsigned kMaxBlockThreads = 1024;
inline constexpr std::size_t kLocalMemoryBytes = 64 * 1024;
inline constexpr std::size_t kMaxExchangeBytes = 64;

// What the running kernel reads of its place in the grid.
struct Place {
  Index thread, block, block_dim, grid_dim;
  int lane = 0;
  int wave = kMaxWave;  // lanes
};
__attribute__((visibility("hidden"))) extern Place place;

// Threads of the running block that pass through `site`: __syncthreads().
void barrier(Site site);

// What the lanes of a wave brought to an exchange. Lanes that are not at the same site (they took another
// branch, or have ended) are inactive; their values are all ones, NaN in any float type.
struct Lanes {
  std::uint64_t active = 0;
  std::uint64_t serial = 0;  // of the exchange: no two have the same
  alignas(64) unsigned char values[kMaxWave][kMaxExchangeBytes];
};
const Lanes& exchange(const void* value, std::size_t bytes, Site site);

// Dynamic local memory of the running block.
void* dynamic_local_memory();

// In kernels that are compiled with checks (access_check.cpp): before each access of the running thread.
enum class Use { kRead, kWrite, kAtomic };
void check_access(const void* address, std::size_t bytes, Use use);

// What the running kernel does wrong, said by the code that it calls; the first report of a block counts.
void report(std::string why);

// The architecture that the device describes itself as, of the next launch on: 0x942, 0x1100. From gfx10 on
// waves have 32 lanes, before that 64.
int arch();
void set_arch(int arch);
int wave_size();

struct Grid {
  const char* kernel = "";
  Index grid_dim, block_dim;
  std::size_t local_bytes = 0;  // dynamic
};

// Runs `body` for every thread of every block. Empty, or what the kernel did wrong; the rest of the grid is
// then not run. One grid at a time: callers on other threads wait.
std::string run_grid(const Grid& grid, const std::function<void()>& body);

}  // namespace hip_emulation
