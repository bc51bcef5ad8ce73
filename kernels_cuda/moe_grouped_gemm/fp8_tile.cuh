// What the FP8 kernels of Hopper share: a ring of stages, products of 64 weight rows with kN rows of x over
// 128 of K, and the way of bf16 results to rows of y.
#pragma once

#include <cuda_bf16.h>

#include "kernels_cuda/common/fp8_wgmma.cuh"
#include "kernels_cuda/common/pipeline_sm90.cuh"

namespace tamis::cuda {

inline constexpr int kTileBytes = 8192;  // of weights: 64 rows x 128 columns

struct Ring {
  int stage = 0;
  std::uint32_t phase = 0;
  template <int kStages>
  __device__ __forceinline__ void advance() {
    if (++stage == kStages) {
      stage = 0;
      phase ^= 1;
    }
  }
};

__device__ __forceinline__ std::uint32_t pack_bf16(float a, float b) {
  const __nv_bfloat162 pair = __floats2bfloat162_rn(a, b);
  return *reinterpret_cast<const std::uint32_t*>(&pair);
}

// sums += part * (x scale of the column * w scale).
template <int kN>
__device__ __forceinline__ void promote(float (&sums)[kN / 2], const float (&part)[kN / 2],
                                        const float* row_scales, float w_scale) {
#pragma unroll
  for (int j = 0; j < kN / 8; ++j) {
    const float2 scales = *reinterpret_cast<const float2*>(row_scales + 8 * j);
    const float a = scales.x * w_scale, b = scales.y * w_scale;
    sums[4 * j] += part[4 * j] * a;
    sums[4 * j + 1] += part[4 * j + 1] * b;
    sums[4 * j + 2] += part[4 * j + 2] * a;
    sums[4 * j + 3] += part[4 * j + 3] * b;
  }
}

// 64 rows at `m` by kN rows at `n`: of weights and of x, or the other way round.
template <int kN>
__device__ __forceinline__ void multiply_tile(float (&part)[kN / 2], const std::uint8_t* m,
                                              const std::uint8_t* n) {
  const std::uint64_t a = swizzled_descriptor(m), b = swizzled_descriptor(n);
#pragma unroll
  for (int k = 0; k < 4; ++k) Fp8Wgmma<kN>::run(part, a + 2 * k, b + 2 * k, k == 0);
  wgmma_commit();
}

// The same where rows of x are on M and two tiles of weights on N: a thread's products are of two rows.
struct RowScales {
  float low, high;  // of row lane / 4 of a warp's 16, and of the one 8 further
};
__device__ __forceinline__ void promote_rows(float (&sums)[64], const float (&part)[64], RowScales rows,
                                             const float (&w_scales)[2]) {
#pragma unroll
  for (int tile = 0; tile < 2; ++tile) {
    const float low = rows.low * w_scales[tile], high = rows.high * w_scales[tile];
#pragma unroll
    for (int j = 32 * tile; j < 32 * tile + 32; j += 4) {
      sums[j] += part[j] * low;
      sums[j + 1] += part[j + 1] * low;
      sums[j + 2] += part[j + 2] * high;
      sums[j + 3] += part[j + 3] * high;
    }
  }
}

// Stages kN columns (tokens) of 64 rows, as 16-bit values, transposed: [token][128], 16-byte chunks swizzled
// by the token.
template <int kCount>
__device__ __forceinline__ void stage_transposed(const std::uint32_t (&low)[kCount],
                                                 const std::uint32_t (&high)[kCount], std::uint16_t* staged,
                                                 int column) {
  const int lane = threadIdx.x % 32;
#pragma unroll
  for (int j = 0; j < kCount; j += 2) {
    const int token = 8 * (j + lane / 16) + lane % 8;
    const int chunk = (column / 8 + lane / 8 % 2) ^ (token & 7);
    store_transposed(shared_address(staged + token * 128 + chunk * 8), low[j], high[j], low[j + 1],
                     high[j + 1]);
  }
}

// Lets a kernel have as much shared memory as Hopper gives. Fails where the build has no code for sm_90a:
// what the driver then makes of older PTX is an empty kernel.
inline cudaError_t allow_shared_memory(const void* kernel) {
  cudaFuncAttributes attributes{};
  if (const cudaError_t error = cudaFuncGetAttributes(&attributes, kernel); error != cudaSuccess)
    return error;
  if (attributes.ptxVersion < 90) return cudaErrorNoKernelImageForDevice;
  return cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize,
                              232448 - static_cast<int>(attributes.sharedSizeBytes));
}

}  // namespace tamis::cuda
