// HIP's device side on CUDA, for kernels_gpu/ compiled by nvcc (hip_language.h is included before). Waves
// have 32 lanes, and all lanes of a wave take part in an exchange, as kernels_gpu/common/runtime.h promises.
#pragma once

#include "hip/hip_runtime_api.h"

#define hipLaunchKernelGGL(kernel, grid, block, local_bytes, stream, ...) \
  kernel<<<(grid), (block), (local_bytes), (stream)>>>(__VA_ARGS__)
#define HIP_DYNAMIC_SHARED(type, name)                     \
  extern __shared__ __align__(16) unsigned char name##_[]; \
  type* name = reinterpret_cast<type*>(name##_);

template <class T>
__device__ inline T __shfl(T value, int lane) {
  return __shfl_sync(0xffffffffu, value, lane);
}
template <class T>
__device__ inline T __shfl_up(T value, unsigned delta) {
  return __shfl_up_sync(0xffffffffu, value, delta);
}
template <class T>
__device__ inline T __shfl_xor(T value, int mask) {
  return __shfl_xor_sync(0xffffffffu, value, mask);
}
