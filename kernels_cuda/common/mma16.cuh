// Products on mma.sync (sm_80 on) of bf16 or f16, and e4m3 codes as either.
#pragma once

#include <cuda_bf16.h>
#include <cuda_fp16.h>

#include <cstdint>

namespace tamis::cuda {

template <bool kF16>
__device__ __forceinline__ void mma16(float (&d)[4], const std::uint32_t (&a)[4], std::uint32_t b0,
                                      std::uint32_t b1) {
  if constexpr (kF16) {
    asm("mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, "
        "{%0,%1,%2,%3};"
        : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
        : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1));
  } else {
    asm("mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, "
        "{%0,%1,%2,%3};"
        : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
        : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1));
  }
}

// Two e4m3 codes, in bytes 1 and 3 of `spread`: shifted they are the value times a power of two. A NaN code
// (0x7f) reads as 480.
template <bool kF16>
__device__ __forceinline__ std::uint32_t widen_pair(std::uint32_t spread) {
  const std::uint32_t bits = (spread & 0x80008000u) | ((spread & 0x7f007f00u) >> (kF16 ? 1 : 4));
  if constexpr (kF16) {
    const __half2 value =
        __hmul2(*reinterpret_cast<const __half2*>(&bits), __floats2half2_rn(256.0f, 256.0f));
    return *reinterpret_cast<const std::uint32_t*>(&value);
  } else {
    const std::uint32_t power = 0x7b807b80u;  // 2^120
    const __nv_bfloat162 value = __hmul2(*reinterpret_cast<const __nv_bfloat162*>(&bits),
                                         *reinterpret_cast<const __nv_bfloat162*>(&power));
    return *reinterpret_cast<const std::uint32_t*>(&value);
  }
}

template <bool kF16>
__device__ __forceinline__ float2 unpack16(std::uint32_t pair) {
  if constexpr (kF16) return __half22float2(*reinterpret_cast<const __half2*>(&pair));
  return {__uint_as_float(pair << 16), __uint_as_float(pair & 0xffff0000u)};
}

template <bool kF16>
__device__ __forceinline__ std::uint16_t round16(float value) {
  if constexpr (kF16) return __half_as_ushort(__float2half_rn(value));
  return __bfloat16_as_ushort(__float2bfloat16_rn(value));
}

template <bool kF16>
__device__ __forceinline__ std::uint32_t pack16(float low, float high) {
  if constexpr (kF16) {
    const __half2 v = __floats2half2_rn(low, high);
    return *reinterpret_cast<const std::uint32_t*>(&v);
  } else {
    const __nv_bfloat162 v = __floats2bfloat162_rn(low, high);
    return *reinterpret_cast<const std::uint32_t*>(&v);
  }
}

}  // namespace tamis::cuda
