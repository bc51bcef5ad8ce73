// Matrix instructions of RDNA (WMMA, waves of 32): gfx11 (RDNA 3) and gfx12 (RDNA 4) have the same products
// in different layouts. Layouts as AMD's amd_matrix_instruction_calculator 1.3.2 prints them
// (--register-layout
// --wavefront 32, RDNA3 and RDNA4).
#pragma once

#include "kernels_hip/common/matrix_operand.h"

#if defined(__GFX11__) || defined(TAMIS_HIP_EMULATION)
#define TAMIS_WMMA_GFX11 1
#endif
#if (defined(__GFX12__) && !defined(__gfx1250__) && !defined(__gfx1251__)) || defined(TAMIS_HIP_EMULATION)
#define TAMIS_WMMA_GFX12 1
#endif

namespace tamis::hip {

// A lane has a whole row of A or column of B; the upper 16 lanes repeat the lower ones. Sums: even rows in
// the lower lanes, odd ones in the upper.
struct WmmaGfx11Layout {
  static constexpr int kLanes = 32, kLines = 16, kEach = 16, kGroups = 1, kDepth = 16, kSums = 8;
  using Sums = Floats<kSums>;

  static constexpr int line(int lane) { return lane % 16; }
  static constexpr int group(int) { return 0; }
  static constexpr int depth(int, int i) { return i; }
  static constexpr int sum_row(int lane, int r) { return 2 * r + lane / 16; }
  static constexpr int sum_column(int lane) { return lane % 16; }
  static constexpr int sum_group(int row) { return row % 2; }
  static constexpr int sum_register(int row) { return row / 2; }
};

// A lane has eight values of a line: 16-bit ones in two runs of four, e4m3 ones side by side. Sums: eight
// neighbouring rows.
template <int run>
struct WmmaGfx12Layout {
  static constexpr int kLanes = 32, kLines = 16, kEach = 8, kGroups = 2, kDepth = 16, kSums = 8;
  using Sums = Floats<kSums>;

  static constexpr int line(int lane) { return lane % 16; }
  static constexpr int group(int lane) { return lane / 16; }
  static constexpr int depth(int group, int i) { return i / run * run * kGroups + group * run + i % run; }
  static constexpr int sum_row(int lane, int r) { return lane / 16 * kSums + r; }
  static constexpr int sum_column(int lane) { return lane % 16; }
  static constexpr int sum_group(int row) { return row / kSums; }
  static constexpr int sum_register(int row) { return row % kSums; }
};

#if defined(TAMIS_WMMA_GFX11)
inline constexpr bool kHasWmmaGfx11 = true;
#else
inline constexpr bool kHasWmmaGfx11 = false;
#endif
#if defined(TAMIS_WMMA_GFX12)
inline constexpr bool kHasWmmaGfx12 = true;
#else
inline constexpr bool kHasWmmaGfx12 = false;
#endif

struct WmmaGfx11Bf16 : WmmaGfx11Layout {
  static constexpr bool kHere = kHasWmmaGfx11;
  static constexpr Element kElement = Element::kBF16;
  __device__ static void multiply([[maybe_unused]] const unsigned* a, [[maybe_unused]] const unsigned* b,
                                  [[maybe_unused]] Sums& sums) {
#if defined(TAMIS_WMMA_GFX11)
    sums = __builtin_amdgcn_wmma_f32_16x16x16_bf16_w32(operand<Shorts<16>>(a), operand<Shorts<16>>(b), sums);
#endif
  }
};

struct WmmaGfx11F16 : WmmaGfx11Layout {
  static constexpr bool kHere = kHasWmmaGfx11;
  static constexpr Element kElement = Element::kF16;
  __device__ static void multiply([[maybe_unused]] const unsigned* a, [[maybe_unused]] const unsigned* b,
                                  [[maybe_unused]] Sums& sums) {
#if defined(TAMIS_WMMA_GFX11)
    sums = __builtin_amdgcn_wmma_f32_16x16x16_f16_w32(operand<Halves<16>>(a), operand<Halves<16>>(b), sums);
#endif
  }
};

struct WmmaGfx12Bf16 : WmmaGfx12Layout<4> {
  static constexpr bool kHere = kHasWmmaGfx12;
  static constexpr Element kElement = Element::kBF16;
  __device__ static void multiply([[maybe_unused]] const unsigned* a, [[maybe_unused]] const unsigned* b,
                                  [[maybe_unused]] Sums& sums) {
#if defined(TAMIS_WMMA_GFX12)
    sums =
        __builtin_amdgcn_wmma_f32_16x16x16_bf16_w32_gfx12(operand<Shorts<8>>(a), operand<Shorts<8>>(b), sums);
#endif
  }
};

struct WmmaGfx12F16 : WmmaGfx12Layout<4> {
  static constexpr bool kHere = kHasWmmaGfx12;
  static constexpr Element kElement = Element::kF16;
  __device__ static void multiply([[maybe_unused]] const unsigned* a, [[maybe_unused]] const unsigned* b,
                                  [[maybe_unused]] Sums& sums) {
#if defined(TAMIS_WMMA_GFX12)
    sums =
        __builtin_amdgcn_wmma_f32_16x16x16_f16_w32_gfx12(operand<Halves<8>>(a), operand<Halves<8>>(b), sums);
#endif
  }
};

// OCP's e4m3.
struct WmmaGfx12Fp8 : WmmaGfx12Layout<8> {
  static constexpr bool kHere = kHasWmmaGfx12;
  static constexpr Element kElement = Element::kE4M3;
  __device__ static void multiply([[maybe_unused]] const unsigned* a, [[maybe_unused]] const unsigned* b,
                                  [[maybe_unused]] Sums& sums) {
#if defined(TAMIS_WMMA_GFX12)
    sums =
        __builtin_amdgcn_wmma_f32_16x16x16_fp8_fp8_w32_gfx12(operand<Ints<2>>(a), operand<Ints<2>>(b), sums);
#endif
  }
};

}  // namespace tamis::hip
