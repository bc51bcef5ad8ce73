// Helpers in core/numeric/ compile as C++, CUDA and HIP. They use <cstdint> types only: no std containers, no
// library calls that a GPU compiler lacks.
#pragma once

#include <cstdint>

#if defined(__CUDACC__) || defined(__HIPCC__)
#define TAMIS_HD __host__ __device__ inline __attribute__((always_inline))
#else
#define TAMIS_HD inline
#endif

namespace tamis::numeric {

TAMIS_HD std::uint32_t float_bits(float value) {
#if defined(__CUDA_ARCH__)
  return __float_as_uint(value);
#else
  std::uint32_t bits;
  __builtin_memcpy(&bits, &value, 4);
  return bits;
#endif
}

TAMIS_HD float bits_float(std::uint32_t bits) {
#if defined(__CUDA_ARCH__)
  return __uint_as_float(bits);
#else
  float value;
  __builtin_memcpy(&value, &bits, 4);
  return value;
#endif
}

}  // namespace tamis::numeric
