// CUDA errors as Status.
#pragma once

#include <cuda_runtime_api.h>

#include "core/base/status.h"

namespace tamis::cuda {

// kOutOfMemory for a failed allocation, kDeviceLost for errors after which the context is unusable (CUDA
// calls them sticky: every later call of the process on this device fails, too), kInternal otherwise.
Status to_status(cudaError_t error, const char* what);

}  // namespace tamis::cuda

#define TAMIS_CUDA_RETURN_IF_ERROR(expr) TAMIS_RETURN_IF_ERROR(::tamis::cuda::to_status((expr), #expr))
