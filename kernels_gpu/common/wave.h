// Waves and blocks without a fixed wave size: CDNA has 64 lanes, RDNA 32. Everything here is called by all
// threads of the block (block_*) or of the wave (wave_*), blocks are one-dimensional and a multiple of the
// wave. Reductions combine lanes in a fixed tree, so their bits do not change from run to run.
#pragma once

#include <cstdint>

#include "kernels_gpu/common/runtime.h"

namespace tamis::gpu {

// warpSize is a constant in some versions of HIP and a variable in others: it is never used as a constant.
__device__ inline int wave_size() { return warpSize; }
__device__ inline int lane_id() { return static_cast<int>(threadIdx.x) & (wave_size() - 1); }
__device__ inline int wave_id() { return static_cast<int>(threadIdx.x) / wave_size(); }
__device__ inline int waves_per_block() { return static_cast<int>(blockDim.x) / wave_size(); }

inline constexpr int kMaxWaves = 32;  // 1024 threads in waves of 32

struct Sum {
  template <class T>
  __device__ static T combine(T a, T b) {
    return a + b;
  }
};
struct Max {
  template <class T>
  __device__ static T combine(T a, T b) {
    return a > b ? a : b;
  }
};
struct Min {
  template <class T>
  __device__ static T combine(T a, T b) {
    return a < b ? a : b;
  }
};

// The combination over the wave, in every lane.
template <class Op, class T>
__device__ inline T wave_reduce(T value) {
  for (int mask = wave_size() / 2; mask > 0; mask /= 2) {
    value = Op::combine(value, static_cast<T>(shuffle_xor(value, mask)));
  }
  return value;
}

// The combination over the block, in every thread. Ends with a barrier, so calls may follow one another.
template <class Op, class T>
__device__ inline T block_reduce(T value) {
  __shared__ T of_wave[kMaxWaves];
  value = wave_reduce<Op>(value);
  if (lane_id() == 0) of_wave[wave_id()] = value;
  __syncthreads();
  T total = of_wave[0];
  for (int wave = 1; wave < waves_per_block(); ++wave) total = Op::combine(total, of_wave[wave]);
  __syncthreads();
  return total;
}

// Sum of the values of all threads before this one; `total` becomes the sum of all. Ends with a barrier.
template <class T>
__device__ inline T block_prefix_sum(T value, T& total) {
  __shared__ T of_wave[kMaxWaves];
  T inclusive = value;
  for (int delta = 1; delta < wave_size(); delta *= 2) {
    const T before = shuffle_up(inclusive, delta);
    if (lane_id() >= delta) inclusive += before;
  }
  if (lane_id() == wave_size() - 1) of_wave[wave_id()] = inclusive;
  __syncthreads();
  T offset = 0;
  total = 0;
  for (int wave = 0; wave < waves_per_block(); ++wave) {
    if (wave == wave_id()) offset = total;
    total += of_wave[wave];
  }
  __syncthreads();
  return offset + inclusive - value;
}

}  // namespace tamis::gpu
