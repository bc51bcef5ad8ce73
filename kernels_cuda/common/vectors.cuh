// Eight neighbouring elements of f32, bf16 or f16 at an address of 16 bytes, as f32. The branch on the type
// is the same for a whole grid.
#pragma once

#include <cuda_fp16.h>

#include "core/numeric/float16.h"
#include "kernels_cuda/common/matrix.h"

namespace tamis::cuda {

inline constexpr int kVector = 8;

__device__ __forceinline__ void widen16(float (&v)[kVector], uint4 raw, bool f16) {
  const std::uint32_t words[4] = {raw.x, raw.y, raw.z, raw.w};
#pragma unroll
  for (int i = 0; i < 4; ++i) {
    if (f16) {
      const float2 pair = __half22float2(*reinterpret_cast<const __half2*>(&words[i]));
      v[2 * i] = pair.x;
      v[2 * i + 1] = pair.y;
    } else {
      v[2 * i] = __uint_as_float(words[i] << 16);
      v[2 * i + 1] = __uint_as_float(words[i] & 0xffff0000u);
    }
  }
}

__device__ __forceinline__ void widen32(float (&v)[kVector], uint4 low, uint4 high) {
  const std::uint32_t words[kVector] = {low.x, low.y, low.z, low.w, high.x, high.y, high.z, high.w};
#pragma unroll
  for (int i = 0; i < kVector; ++i) v[i] = __uint_as_float(words[i]);
}

// `at`: in elements.
__device__ __forceinline__ void load_vector(float (&v)[kVector], const void* base, std::int64_t at,
                                            Element type) {
  if (type != Element::kF32) {
    const auto* from = reinterpret_cast<const uint4*>(static_cast<const std::uint16_t*>(base) + at);
    widen16(v, *from, type == Element::kF16);
    return;
  }
  const auto* from = reinterpret_cast<const uint4*>(static_cast<const float*>(base) + at);
  widen32(v, from[0], from[1]);
}

__device__ __forceinline__ std::uint16_t round16(float value, bool f16) {
  return f16 ? __half_as_ushort(__float2half_rn(value)) : numeric::float_to_bf16(value);
}

// One rounding, to nearest even. v becomes what was stored.
__device__ __forceinline__ void store_vector(float (&v)[kVector], void* base, std::int64_t at, Element type) {
  if (type == Element::kF32) {
    auto* to = reinterpret_cast<float4*>(static_cast<float*>(base) + at);
    to[0] = {v[0], v[1], v[2], v[3]};
    to[1] = {v[4], v[5], v[6], v[7]};
    return;
  }
  const bool f16 = type == Element::kF16;
  std::uint32_t words[4];
#pragma unroll
  for (int i = 0; i < 4; ++i)
    words[i] = round16(v[2 * i], f16) | static_cast<std::uint32_t>(round16(v[2 * i + 1], f16)) << 16;
  const uint4 raw{words[0], words[1], words[2], words[3]};
  *reinterpret_cast<uint4*>(static_cast<std::uint16_t*>(base) + at) = raw;
  widen16(v, raw, f16);
}

}  // namespace tamis::cuda
