// Tensor maps for Hopper's copy unit. Their encoder is a driver function, found at run time.
#pragma once

#include <cuda.h>
#include <cuda_runtime_api.h>

namespace tamis::cuda {

using Encode = decltype(&cuTensorMapEncodeTiled);

inline Encode encoder() {
  static const Encode function = [] {
    void* address = nullptr;
    cudaDriverEntryPointQueryResult found{};
    const cudaError_t error = cudaGetDriverEntryPointByVersion("cuTensorMapEncodeTiled", &address, 12000,
                                                               cudaEnableDefault, &found);
    return error == cudaSuccess && found == cudaDriverEntryPointSuccess ? reinterpret_cast<Encode>(address)
                                                                        : nullptr;
  }();
  return function;
}

struct Box {
  CUtensorMapDataType type;
  CUtensorMapSwizzle swizzle;
  cuuint32_t rank;
  cuuint64_t size[3];
  cuuint64_t stride[2];  // bytes, from the second dimension on
  cuuint32_t box[3];
};

inline cudaError_t encode(CUtensorMap& map, const void* base, const Box& b) {
  const cuuint32_t ones[3] = {1, 1, 1};
  if (encoder() == nullptr) return cudaErrorNotSupported;
  const CUresult result = encoder()(&map, b.type, b.rank, const_cast<void*>(base), b.size, b.stride, b.box,
                                    ones, CU_TENSOR_MAP_INTERLEAVE_NONE, b.swizzle,
                                    CU_TENSOR_MAP_L2_PROMOTION_L2_256B, CU_TENSOR_MAP_FLOAT_OOB_FILL_NONE);
  return result == CUDA_SUCCESS ? cudaSuccess : cudaErrorInvalidValue;
}

}  // namespace tamis::cuda
