// HIP's device side on the CPU: what a kernel may use, run by tests/hip_emulation/block.h. Kernels are
// launched by hipLaunchKernelGGL alone (<<<>>> is not C++). warpSize is a variable here.
#pragma once

#include <cmath>
#include <cstring>
#include <ctime>
#include <functional>
#include <tuple>
#include <utility>

#include "hip/hip_runtime_api.h"
#include "tests/hip_emulation/block.h"
#include "tests/hip_emulation/matrix.h"

#define TAMIS_HIP_EMULATION 1

#define __global__
#define __device__
#define __host__
#define __constant__ static const
#define __launch_bounds__(...)
#define __forceinline__ inline __attribute__((always_inline))
// One block runs at a time, so its local memory may be static; the section is poisoned before each block.
#define __shared__ static __attribute__((section("gpu_local_memory"), used))
#define HIP_DYNAMIC_SHARED(type, name) \
  type* name = static_cast<type*>(::hip_emulation::dynamic_local_memory());

#define threadIdx (::hip_emulation::place.thread)
#define blockIdx (::hip_emulation::place.block)
#define blockDim (::hip_emulation::place.block_dim)
#define gridDim (::hip_emulation::place.grid_dim)
#define warpSize (::hip_emulation::place.wave)

struct dim3 {
  unsigned x, y, z;
  constexpr dim3(unsigned x = 1, unsigned y = 1, unsigned z = 1) : x(x), y(y), z(z) {}
};
struct alignas(8) uint2 {
  unsigned x, y;
};
struct alignas(16) uint4 {
  unsigned x, y, z, w;
};
struct alignas(8) float2 {
  float x, y;
};
struct alignas(16) float4 {
  float x, y, z, w;
};

namespace hip_emulation {

// Submits a kernel; what is wrong with the launch itself is left for hipGetLastError().
void launch(const Grid& grid, hipStream_t stream, std::function<void()> body);

template <class... P, class... A>
void launch_kernel(Grid grid, hipStream_t stream, void (*kernel)(P...), A&&... arguments) {
  launch(grid, stream,
         [kernel, values = std::tuple<P...>(std::forward<A>(arguments)...)] { std::apply(kernel, values); });
}

inline Index index_of(dim3 d) { return {d.x, d.y, d.z}; }

template <class T>
T lane_value(const Lanes& lanes, int lane) {
  T value;
  std::memcpy(&value, lanes.values[lane], sizeof(T));
  return value;
}

// `source` is a function (lane) → lane.
template <class T, class F>
T shuffle(T value, Site site, F source) {
  static_assert(sizeof(T) <= kMaxExchangeBytes);
  const int lane = place.lane;
  return lane_value<T>(exchange(&value, sizeof(T), site), source(lane));
}

// Bits of the active lanes whose predicate holds, and of all active lanes.
struct Votes {
  unsigned long long held, active;
};
inline Votes vote(int predicate, Site site) {
  const Lanes& lanes = exchange(&predicate, sizeof(predicate), site);
  Votes votes{0, lanes.active};
  for (int lane = 0; lane < kMaxWave; ++lane) {
    const std::uint64_t bit = std::uint64_t{1} << lane;
    if ((lanes.active & bit) != 0 && lane_value<int>(lanes, lane) != 0) votes.held |= bit;
  }
  return votes;
}

// Blocks run one after another and threads switch only where they wait: reading and writing is atomic.
#if defined(TAMIS_HIP_EMULATION_CHECKED)
#define TAMIS_UNCHECKED __attribute__((no_sanitize("kernel-address")))
template <class T>
void check_atomic(T* address) {
  check_access(address, sizeof(T), Use::kAtomic);
}
#else
#define TAMIS_UNCHECKED
template <class T>
void check_atomic(T*) {}
#endif
template <class T, class F>
TAMIS_UNCHECKED T update(T* address, F change) {
  check_atomic(address);
  const T old = *address;
  *address = change(old);
  return old;
}

}  // namespace hip_emulation

#define hipLaunchKernelGGL(kernel, grid, block, local_bytes, stream, ...)                                    \
  ::hip_emulation::launch_kernel(                                                                            \
      {#kernel, ::hip_emulation::index_of(grid), ::hip_emulation::index_of(block), (local_bytes)}, (stream), \
      (kernel)__VA_OPT__(, ) __VA_ARGS__)

#define TAMIS_SITE int line = __builtin_LINE(), const char *file = __builtin_FILE()

inline void __syncthreads(TAMIS_SITE) { ::hip_emulation::barrier({file, line}); }

template <class T>
T __shfl(T value, int source, int width = warpSize, TAMIS_SITE) {
  return ::hip_emulation::shuffle(value, {file, line},
                                  [&](int lane) { return (source & (width - 1)) + (lane & ~(width - 1)); });
}
template <class T>
T __shfl_up(T value, unsigned delta, int width = warpSize, TAMIS_SITE) {
  return ::hip_emulation::shuffle(value, {file, line}, [&](int lane) {
    const int source = lane - static_cast<int>(delta);
    return source < (lane & ~(width - 1)) ? lane : source;
  });
}
template <class T>
T __shfl_down(T value, unsigned delta, int width = warpSize, TAMIS_SITE) {
  return ::hip_emulation::shuffle(value, {file, line}, [&](int lane) {
    const int inside = (lane & (width - 1)) + static_cast<int>(delta);
    return inside >= width ? lane : lane + static_cast<int>(delta);
  });
}
template <class T>
T __shfl_xor(T value, int mask, int width = warpSize, TAMIS_SITE) {
  return ::hip_emulation::shuffle(value, {file, line}, [&](int lane) {
    const int source = lane ^ mask;
    return source >= ((lane + width) & ~(width - 1)) ? lane : source;
  });
}
inline unsigned long long __ballot(int predicate, TAMIS_SITE) {
  return ::hip_emulation::vote(predicate, {file, line}).held;
}
inline int __any(int predicate, TAMIS_SITE) {
  return ::hip_emulation::vote(predicate, {file, line}).held != 0 ? 1 : 0;
}
inline int __all(int predicate, TAMIS_SITE) {
  const ::hip_emulation::Votes votes = ::hip_emulation::vote(predicate, {file, line});
  return votes.held == votes.active ? 1 : 0;
}
#undef TAMIS_SITE

template <class T>
T atomicAdd(T* address, T value) {
  return ::hip_emulation::update(address, [&](T old) { return old + value; });
}
template <class T>
T atomicSub(T* address, T value) {
  return ::hip_emulation::update(address, [&](T old) { return old - value; });
}
template <class T>
T atomicMax(T* address, T value) {
  return ::hip_emulation::update(address, [&](T old) { return old > value ? old : value; });
}
template <class T>
T atomicMin(T* address, T value) {
  return ::hip_emulation::update(address, [&](T old) { return old < value ? old : value; });
}
template <class T>
T atomicOr(T* address, T value) {
  return ::hip_emulation::update(address, [&](T old) { return old | value; });
}
template <class T>
T atomicAnd(T* address, T value) {
  return ::hip_emulation::update(address, [&](T old) { return old & value; });
}
template <class T>
T atomicExch(T* address, T value) {
  return ::hip_emulation::update(address, [&](T) { return value; });
}
template <class T>
T atomicCAS(T* address, T expected, T value) {
  return ::hip_emulation::update(address, [&](T old) { return old == expected ? value : old; });
}

inline void __threadfence() {}
inline void __threadfence_block() {}
inline long long clock64() { return static_cast<long long>(std::clock()); }

inline int __popc(unsigned bits) { return __builtin_popcount(bits); }
inline int __popcll(unsigned long long bits) { return __builtin_popcountll(bits); }
inline int __ffs(int bits) { return __builtin_ffs(bits); }
inline int __ffsll(long long bits) { return __builtin_ffsll(bits); }
inline int __clz(int bits) { return bits == 0 ? 32 : __builtin_clz(static_cast<unsigned>(bits)); }
