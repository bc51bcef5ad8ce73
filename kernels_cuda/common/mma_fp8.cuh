// Products of e4m3 on mma.sync: one instruction (QMMA) on sm_89 and sm_12x; sm_90 and sm_100 to sm_110 widen
// to f16 and multiply that. Files that use it have "_sm89" in their name (backends/cuda/CMakeLists.txt):
// sm_80's PTX has no such product.
#pragma once

#include <cstdint>

namespace tamis::cuda::mma_fp8 {

// d[16 x 8] += a[16 x 32] . b[8 x 32]^T. A word holds four neighbours of K: of a row lane / 4 and row lane /
// 4
// + 8 in one half of the 32, then both in the other; of b the same row in either half. Any order of K will do
// if a and b have the same.
__device__ __forceinline__ void mma(float (&d)[4], const std::uint32_t (&a)[4], std::uint32_t b0,
                                    std::uint32_t b1) {
  asm("mma.sync.aligned.m16n8k32.row.col.f32.e4m3.e4m3.f32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, "
      "{%0,%1,%2,%3};"
      : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
      : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1));
}

// Eight rows of eight 16-bit elements, two a lane, transposed.
__device__ __forceinline__ std::uint32_t transpose(std::uint32_t pair) {
  std::uint32_t out;
  asm volatile("movmatrix.sync.aligned.m8n8.trans.b16 %0, %1;" : "=r"(out) : "r"(pair));
  return out;
}

// All but the latest kLeft groups of copies have arrived.
template <int kLeft>
__device__ __forceinline__ void wait_groups() {
  asm volatile("cp.async.wait_group %0;" ::"n"(kLeft) : "memory");
}

}  // namespace tamis::cuda::mma_fp8
