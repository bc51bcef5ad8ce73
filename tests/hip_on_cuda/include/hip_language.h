// Included by nvcc before each kernel source: makes the language HIP. CUDA's own headers, which ask whether
// the compiler is nvcc, are read first; from then on nothing says so, and the sources take their branches for
// HIP.
#pragma once

#include <cuda_bf16.h>
#include <cuda_fp16.h>
#include <cuda_runtime.h>

#undef __NVCC__
#define __HIP_PLATFORM_NVIDIA__ 1
#if defined(__CUDA_ARCH__)
#define __HIP_DEVICE_COMPILE__ 1
#endif
