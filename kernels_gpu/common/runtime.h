// The one place that knows which GPU language a kernel is being compiled as. kernels_gpu/ is compiled three
// times: by nvcc, by HIP's clang, and by the host's clang against tests/hip_emulation. What the two languages
// spell differently is named here; everything else in kernels_gpu/ is their common subset:
// - no static assumption about the wave (CUDA 32, CDNA 64, RDNA 32), see kernels_gpu/common/wave.h;
// - exchanges within a wave are called by all its lanes;
// - at most 64 KB of local memory a block, 48 KB of it static;
// - products and sums are fused only where multiply_add says so (-fmad=false, -ffp-contract=off).
#pragma once

#include "kernels_gpu/common/launch.h"

#if defined(__NVCC__)

#include <cuda_runtime.h>

// KERNEL in parentheses where its template arguments have commas. One argument: a struct of kernels_gpu.
#define TAMIS_LAUNCH(KERNEL, GRID, THREADS, LOCAL_BYTES, STREAM, ARGS) \
  KERNEL<<<GRID, THREADS, LOCAL_BYTES, static_cast<cudaStream_t>(STREAM)>>>(ARGS)
#define TAMIS_DYNAMIC_LOCAL(TYPE, NAME)                    \
  extern __shared__ __align__(16) unsigned char NAME##_[]; \
  TYPE* NAME = reinterpret_cast<TYPE*>(NAME##_)

#else

#include <hip/hip_runtime.h>

#define TAMIS_LAUNCH(KERNEL, GRID, THREADS, LOCAL_BYTES, STREAM, ARGS) \
  hipLaunchKernelGGL(KERNEL, GRID, THREADS, LOCAL_BYTES, static_cast<hipStream_t>(STREAM), ARGS)
#define TAMIS_DYNAMIC_LOCAL(TYPE, NAME) HIP_DYNAMIC_SHARED(TYPE, NAME)

#endif

namespace tamis::gpu {

// What is wrong with the launch just made; kNoError if nothing.
inline Error launch_error() {
#if defined(__NVCC__)
  return static_cast<Error>(cudaGetLastError());
#else
  return static_cast<Error>(hipGetLastError());
#endif
}

#if defined(__NVCC__)
template <class T>
__device__ inline T shuffle_xor(T value, int mask) {
  return __shfl_xor_sync(0xffffffffu, value, mask);
}
template <class T>
__device__ inline T shuffle_up(T value, int delta) {
  return __shfl_up_sync(0xffffffffu, value, static_cast<unsigned>(delta));
}
template <class T>
__device__ inline T shuffle(T value, int lane) {
  return __shfl_sync(0xffffffffu, value, lane);
}
#else
template <class T>
__device__ inline T shuffle_xor(T value, int mask) {
  return __shfl_xor(value, mask);
}
template <class T>
__device__ inline T shuffle_up(T value, int delta) {
  return __shfl_up(value, static_cast<unsigned>(delta));
}
template <class T>
__device__ inline T shuffle(T value, int lane) {
  return __shfl(value, lane);
}
#endif

}  // namespace tamis::gpu
