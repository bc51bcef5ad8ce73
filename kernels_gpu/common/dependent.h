// Small kernels between large ones: on CUDA from sm_90 on, one that begins with after_predecessor() and is
// launched by launch_dependent() starts while the kernel before it drains (programmatic dependent launch),
// which saves most of a launch's gap. Everywhere else it is an ordinary launch. Nothing may stand before
// after_predecessor(), and every block calls it.
#pragma once

#include "kernels_gpu/common/runtime.h"

namespace tamis::gpu {

// The kernel behind this one may start, too, and waits in turn.
__device__ inline void after_predecessor() {
#if defined(__CUDA_ARCH__) && __CUDA_ARCH__ >= 900
  asm volatile("griddepcontrol.launch_dependents;");
  asm volatile("griddepcontrol.wait;" ::: "memory");
#endif
}

#if defined(__NVCC__)
template <auto kKernel, class Args>
Error launch_dependent(dim3 grid, unsigned threads, unsigned local_bytes, Stream stream, const Args& args) {
  // Code for an older architecture would not wait.
  static const bool waits = [] {
    cudaFuncAttributes attributes{};
    if (cudaFuncGetAttributes(&attributes, reinterpret_cast<const void*>(kKernel)) == cudaSuccess)
      return attributes.ptxVersion >= 90;
    static_cast<void>(cudaGetLastError());
    return false;
  }();
  cudaLaunchAttribute attribute{};
  attribute.id = cudaLaunchAttributeProgrammaticStreamSerialization;
  attribute.val.programmaticStreamSerializationAllowed = 1;
  cudaLaunchConfig_t config{};
  config.gridDim = grid;
  config.blockDim = dim3(threads);
  config.dynamicSmemBytes = local_bytes;
  config.stream = static_cast<cudaStream_t>(stream);
  config.attrs = &attribute;
  config.numAttrs = waits ? 1 : 0;
  return static_cast<Error>(cudaLaunchKernelEx(&config, kKernel, args));
}
#else
template <auto kKernel, class Args>
Error launch_dependent(dim3 grid, unsigned threads, unsigned local_bytes, Stream stream, const Args& args) {
  TAMIS_LAUNCH(kKernel, grid, dim3(threads), local_bytes, stream, args);
  return launch_error();
}
#endif

}  // namespace tamis::gpu
