// Programmatic dependent launch (sm_90): a kernel launched with it may start while its predecessor in the
// stream drains, and waits for it on the device. Kernels call wait_for_predecessor() before they touch
// anything that an earlier kernel wrote, and every block calls it, so that a chain stays ordered.
#pragma once

#include <cuda_runtime.h>

#include <cstddef>
#include <utility>

namespace tamis::cuda {

__device__ __forceinline__ void wait_for_predecessor() {
#if defined(__CUDA_ARCH__) && __CUDA_ARCH__ >= 900
  asm volatile("griddepcontrol.wait;" ::: "memory");
#endif
}
__device__ __forceinline__ void let_successor_start() {
#if defined(__CUDA_ARCH__) && __CUDA_ARCH__ >= 900
  asm volatile("griddepcontrol.launch_dependents;");
#endif
}

// Whether the code that the device runs for a kernel was compiled for sm_90 or later: in older code
// wait_for_predecessor() does nothing, so it must not be launched dependent. Asked once: the GPUs of a
// process are taken to run the same code.
template <auto kKernel>
bool can_depend() {
  static const bool depends = [] {
    cudaFuncAttributes attributes{};
    if (cudaFuncGetAttributes(&attributes, reinterpret_cast<const void*>(kKernel)) == cudaSuccess)
      return attributes.ptxVersion >= 90;
    static_cast<void>(cudaGetLastError());
    return false;
  }();
  return depends;
}

// What no kernel writes (weights), read before wait_for_predecessor(). Loads that the compiler knows to be of
// constants (__ldg, .nc) it moves behind the wait, next to their use.
__device__ __forceinline__ uint4 load_early(const uint4* from) {
  uint4 v;
  asm volatile("ld.global.v4.u32 {%0, %1, %2, %3}, [%4];"
               : "=r"(v.x), "=r"(v.y), "=r"(v.z), "=r"(v.w)
               : "l"(from)
               : "memory");
  return v;
}
__device__ __forceinline__ float load_early(const float* from) {
  float v;
  asm volatile("ld.global.f32 %0, [%1];" : "=f"(v) : "l"(from) : "memory");
  return v;
}

struct LaunchShape {
  dim3 grid;
  dim3 block;
  std::size_t shared = 0;
  bool dependent = false;  // needs sm_90
  unsigned cluster = 1;    // blocks along x; more than 1 needs sm_90
};

template <class... Parameters, class... Args>
cudaError_t launch(void (*kernel)(Parameters...), const LaunchShape& shape, cudaStream_t stream,
                   Args&&... args) {
  cudaLaunchAttribute attributes[2]{};
  cudaLaunchConfig_t config{};
  config.gridDim = shape.grid;
  config.blockDim = shape.block;
  config.dynamicSmemBytes = shape.shared;
  config.stream = stream;
  config.attrs = attributes;
  if (shape.dependent) {
    attributes[config.numAttrs].id = cudaLaunchAttributeProgrammaticStreamSerialization;
    attributes[config.numAttrs++].val.programmaticStreamSerializationAllowed = 1;
  }
  if (shape.cluster > 1) {
    attributes[config.numAttrs].id = cudaLaunchAttributeClusterDimension;
    attributes[config.numAttrs++].val.clusterDim = {shape.cluster, 1, 1};
  }
  return cudaLaunchKernelEx(&config, kernel, std::forward<Args>(args)...);
}

}  // namespace tamis::cuda
