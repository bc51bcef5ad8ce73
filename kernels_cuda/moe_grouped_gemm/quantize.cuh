// A warp rounds 128 columns of a row to e4m3: four values a lane, one scale. Or two times 128: eight values a
// lane, a scale for 16 lanes.
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

struct Eight {
  float v[8];
};

struct EightCodes {
  uint2 codes;
  float scale;
};

// Whether load_eights() may read 16 bytes at a time.
inline bool eights_aligned(const ConstMatrix& x, std::int64_t columns) {
  return x.type == Element::kBF16 && columns % 8 == 0 && x.row_stride % 8 == 0 &&
         reinterpret_cast<std::uintptr_t>(x.data) % 16 == 0;
}

// From `column` on and every 256 columns further, as two halves of a warp need them: all on their way
// before the first is waited for. Zero behind the last column.
template <int kCount>
__device__ __forceinline__ void load_eights(const ConstMatrix& x, std::int64_t columns, std::int64_t row,
                                            std::int64_t column, bool aligned, Eight (&eights)[kCount]) {
  constexpr int kStep = 256;
  const std::int64_t at = row * x.row_stride + column;
  if (!aligned) {
#pragma unroll
    for (int i = 0; i < kCount * 8; ++i) {
      const int further = i / 8 * kStep + i % 8;
      eights[i / 8].v[i % 8] = column + further < columns ? load_element(x.data, at + further, x.type) : 0.0f;
    }
    return;
  }
  uint4 raw[kCount];
#pragma unroll
  for (int i = 0; i < kCount; ++i) {
    raw[i] = uint4{0, 0, 0, 0};
    if (column + i * kStep < columns)
      raw[i] = *reinterpret_cast<const uint4*>(static_cast<const std::uint16_t*>(x.data) + at + i * kStep);
  }
#pragma unroll
  for (int i = 0; i < kCount; ++i) {
    const std::uint32_t words[4] = {raw[i].x, raw[i].y, raw[i].z, raw[i].w};
#pragma unroll
    for (int j = 0; j < 4; ++j) {
      eights[i].v[2 * j] = __uint_as_float(words[j] << 16);
      eights[i].v[2 * j + 1] = __uint_as_float(words[j] & 0xffff0000u);
    }
  }
}

// Of the 128 columns that 16 neighbouring lanes hold. All lanes call it.
__device__ __forceinline__ EightCodes quantize_eight(Eight eight, bool pow2) {
  float amax = 0.0f;
#pragma unroll
  for (int i = 0; i < 8; ++i) amax = fmaxf(amax, fabsf(eight.v[i]));
#pragma unroll
  for (int offset = 8; offset > 0; offset /= 2)
    amax = fmaxf(amax, __shfl_xor_sync(0xffffffffu, amax, offset));
  const float scale = numeric::activation_scale(amax, pow2);
  // A power of two from 2^-22 to 2^120, or infinite, has an exact reciprocal: the same quotients by products.
  if (pow2) {
    const float inverse = __frcp_rn(scale);
#pragma unroll
    for (float& v : eight.v) v *= inverse;
  } else {
#pragma unroll
    for (float& v : eight.v) v = __fdiv_rn(v, scale);
  }
  const auto pair = [&](int i) {
    return static_cast<std::uint32_t>(
        __nv_cvt_float2_to_fp8x2(float2{eight.v[i], eight.v[i + 1]}, __NV_SATFINITE, __NV_E4M3));
  };
  return {uint2{pair(0) | pair(2) << 16, pair(4) | pair(6) << 16}, scale};
}

// Where the codes of lane `lane` of 16 lie in a plane of 128-byte rows, swizzled by the row.
__device__ __forceinline__ int eight_offset(int lane, std::int64_t row) {
  return ((lane / 2) ^ static_cast<int>(row & 7)) * 16 + lane % 2 * 8;
}

// Where a lane's codes lie in a plane of 128-byte rows, swizzled by the row.
__device__ __forceinline__ int quad_offset(int lane, std::int64_t row) {
  return ((lane / 4) ^ static_cast<int>(row & 7)) * 16 + lane % 4 * 4;
}

}  // namespace tamis::cuda
