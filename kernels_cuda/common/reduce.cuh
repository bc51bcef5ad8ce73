// Reductions over a warp and a block, in a fixed order: the same bits every run.
#pragma once

#include <cstdint>

namespace tamis::cuda {

inline constexpr int kWarp = 32;

// Every lane gets the result. A butterfly adds in the same tree for every lane.
template <class T, class Op>
__device__ __forceinline__ T warp_reduce(T value, Op op) {
#pragma unroll
  for (int offset = kWarp / 2; offset > 0; offset /= 2)
    value = op(value, __shfl_xor_sync(0xffffffffu, value, offset));
  return value;
}

// Every thread of a block of kThreads gets the result. `scratch` holds kThreads / 32 values and may be reused
// after the call.
template <int kThreads, class T, class Op>
__device__ __forceinline__ T block_reduce(T value, T* scratch, Op op) {
  static_assert(kThreads % kWarp == 0);
  value = warp_reduce(value, op);
  if (threadIdx.x % kWarp == 0) scratch[threadIdx.x / kWarp] = value;
  __syncthreads();
  T result = scratch[0];
#pragma unroll
  for (int w = 1; w < kThreads / kWarp; ++w) result = op(result, scratch[w]);
  __syncthreads();
  return result;
}

struct Sum {
  template <class T>
  __device__ T operator()(T a, T b) const {
    return a + b;
  }
};

struct Max {
  template <class T>
  __device__ T operator()(T a, T b) const {
    return a > b ? a : b;
  }
};

// The larger magnitude; NaN loses, as in std::max(a, fabs(b)).
struct MaxMagnitude {
  __device__ float operator()(float a, float b) const { return fmaxf(a, b); }
};

}  // namespace tamis::cuda
