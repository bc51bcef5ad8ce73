// A warp rounds 128 columns of a row to e4m3: four values a lane, one scale.
#pragma once

#include <cuda_fp8.h>

#include "core/numeric/fp8.h"
#include "kernels_cuda/common/elements.cuh"
#include "kernels_cuda/common/reduce.cuh"

namespace tamis::cuda {

struct Quad {
  float v[4];
};

struct QuadCodes {
  std::uint32_t codes;
  float scale;
};

// `aligned`: rows, columns and the address in fours of elements.
inline bool quads_aligned(const ConstMatrix& x, std::int64_t columns) {
  return columns % 4 == 0 && x.row_stride % 4 == 0 && reinterpret_cast<std::uintptr_t>(x.data) % 8 == 0;
}

// Zero behind the last column.
__device__ __forceinline__ Quad load_quad(const ConstMatrix& x, std::int64_t columns, std::int64_t row,
                                          std::int64_t column, bool aligned) {
  const std::int64_t at = row * x.row_stride + column;
  Quad quad;
  if (aligned && column < columns && x.type == Element::kBF16) {
    const uint2 raw = *reinterpret_cast<const uint2*>(static_cast<const std::uint16_t*>(x.data) + at);
    return {__uint_as_float(raw.x << 16), __uint_as_float(raw.x & 0xffff0000u), __uint_as_float(raw.y << 16),
            __uint_as_float(raw.y & 0xffff0000u)};
  }
#pragma unroll
  for (int i = 0; i < 4; ++i) quad.v[i] = column + i < columns ? load_element(x.data, at + i, x.type) : 0.0f;
  return quad;
}

__device__ __forceinline__ QuadCodes quantize_quad(const Quad& quad, bool pow2) {
  float amax = 0.0f;
#pragma unroll
  for (int i = 0; i < 4; ++i) amax = fmaxf(amax, fabsf(quad.v[i]));
  amax = warp_reduce(amax, MaxMagnitude{});
  const float scale = numeric::activation_scale(amax, pow2);
  // As numeric::float_to_e4m3 but for the sign of NaN; one instruction from sm_89 on.
  const auto pair = [&](int i) {
    const float2 values{__fdiv_rn(quad.v[i], scale), __fdiv_rn(quad.v[i + 1], scale)};
    return static_cast<std::uint32_t>(__nv_cvt_float2_to_fp8x2(values, __NV_SATFINITE, __NV_E4M3));
  };
  return {pair(0) | pair(2) << 16, scale};
}

// Where a lane's codes lie in a plane of 128-byte rows, swizzled by the row.
__device__ __forceinline__ int quad_offset(int lane, std::int64_t row) {
  return ((lane / 4) ^ static_cast<int>(row & 7)) * 16 + lane % 4 * 4;
}

}  // namespace tamis::cuda
