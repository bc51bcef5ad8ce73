// Sixteen e4m3 codes as f32, exactly.
#pragma once

#include <cuda_fp16.h>
#include <cuda_fp8.h>

#include <cstdint>

namespace tamis::cuda {

__device__ __forceinline__ void widen_codes(float (&v)[16], uint4 raw) {
  const std::uint32_t words[4] = {raw.x, raw.y, raw.z, raw.w};
#pragma unroll
  for (int i = 0; i < 8; ++i) {
    const auto pair = static_cast<__nv_fp8x2_storage_t>(words[i / 2] >> (i % 2 * 16));
    const float2 wide = __half22float2(__half2(__nv_cvt_fp8x2_to_halfraw2(pair, __NV_E4M3)));
    v[2 * i] = wide.x;
    v[2 * i + 1] = wide.y;
  }
}

}  // namespace tamis::cuda
