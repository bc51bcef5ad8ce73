// Matrix instructions of CDNA (MFMA, waves of 64). Layouts: those of gfx90a and gfx942 as AMD's
// amd_matrix_instruction_calculator 1.3.2 prints them (--register-layout, CDNA2 and CDNA3). It does not list
// those that gfx950 adds: they follow the rule of CDNA3's instructions with as many values a lane.
#pragma once

#include "kernels_hip/common/matrix_operand.h"

#if defined(__gfx90a__) || defined(__gfx942__) || defined(__gfx950__) || defined(TAMIS_HIP_EMULATION)
#define TAMIS_MFMA 1
#endif
#if defined(__gfx942__) || defined(__gfx950__) || defined(TAMIS_HIP_EMULATION)
#define TAMIS_MFMA_FP8 1
#endif
#if defined(__gfx950__) || defined(TAMIS_HIP_EMULATION)
#define TAMIS_MFMA_GFX950 1
#endif

namespace tamis::hip {

// Of all of them: a lane has one row of A or column of B, `each` values of it side by side; the lanes of a
// group of `lines` have the same depths. Sums come in fours of neighbouring rows.
template <int lines, int each>
struct MfmaLayout {
  static constexpr int kLanes = 64, kLines = lines, kEach = each;
  static constexpr int kGroups = kLanes / lines, kDepth = kGroups * each;
  static constexpr int kSums = lines * lines / kLanes;
  using Sums = Floats<kSums>;

  static constexpr int line(int lane) { return lane % lines; }
  static constexpr int group(int lane) { return lane / lines; }
  static constexpr int depth(int group, int i) { return group * each + i; }
  static constexpr int sum_row(int lane, int r) { return r / 4 * 4 * kGroups + lane / lines * 4 + r % 4; }
  static constexpr int sum_column(int lane) { return lane % lines; }
  static constexpr int sum_group(int row) { return row / 4 % kGroups; }
  static constexpr int sum_register(int row) { return row / (4 * kGroups) * 4 + row % 4; }
};

#if defined(TAMIS_MFMA)
inline constexpr bool kHasMfma = true;
#else
inline constexpr bool kHasMfma = false;
#endif
#if defined(TAMIS_MFMA_FP8)
inline constexpr bool kHasMfmaFp8 = true;
#else
inline constexpr bool kHasMfmaFp8 = false;
#endif
#if defined(TAMIS_MFMA_GFX950)
inline constexpr bool kHasMfmaGfx950 = true;
#else
inline constexpr bool kHasMfmaGfx950 = false;
#endif

// Lines are 32 or 16. gfx90a and later.
template <int lines>
struct MfmaBf16 : MfmaLayout<lines, 4> {
  static constexpr bool kHere = kHasMfma;
  static constexpr Element kElement = Element::kBF16;
  using typename MfmaLayout<lines, 4>::Sums;
  __device__ static void multiply([[maybe_unused]] const unsigned* a, [[maybe_unused]] const unsigned* b,
                                  [[maybe_unused]] Sums& sums) {
#if defined(TAMIS_MFMA)
    const auto x = operand<Shorts<4>>(a), y = operand<Shorts<4>>(b);
    if constexpr (lines == 32) {
      sums = __builtin_amdgcn_mfma_f32_32x32x8bf16_1k(x, y, sums, 0, 0, 0);
    } else {
      sums = __builtin_amdgcn_mfma_f32_16x16x16bf16_1k(x, y, sums, 0, 0, 0);
    }
#endif
  }
};
using Mfma32x32x8Bf16 = MfmaBf16<32>;
using Mfma16x16x16Bf16 = MfmaBf16<16>;

template <int lines>
struct MfmaF16 : MfmaLayout<lines, 4> {
  static constexpr bool kHere = kHasMfma;
  static constexpr Element kElement = Element::kF16;
  using typename MfmaLayout<lines, 4>::Sums;
  __device__ static void multiply([[maybe_unused]] const unsigned* a, [[maybe_unused]] const unsigned* b,
                                  [[maybe_unused]] Sums& sums) {
#if defined(TAMIS_MFMA)
    const auto x = operand<Halves<4>>(a), y = operand<Halves<4>>(b);
    if constexpr (lines == 32) {
      sums = __builtin_amdgcn_mfma_f32_32x32x8f16(x, y, sums, 0, 0, 0);
    } else {
      sums = __builtin_amdgcn_mfma_f32_16x16x16f16(x, y, sums, 0, 0, 0);
    }
#endif
  }
};
using Mfma32x32x8F16 = MfmaF16<32>;
using Mfma16x16x16F16 = MfmaF16<16>;

// gfx942, whose e4m3 is FNUZ (bias 8, no -0, NaN 0x80), and gfx950, whose e4m3 is OCP's.
template <int lines>
struct MfmaFp8 : MfmaLayout<lines, 8> {
  static constexpr bool kHere = kHasMfmaFp8;
  static constexpr Element kElement = Element::kE4M3;
  using typename MfmaLayout<lines, 8>::Sums;
  __device__ static void multiply([[maybe_unused]] const unsigned* a, [[maybe_unused]] const unsigned* b,
                                  [[maybe_unused]] Sums& sums) {
#if defined(TAMIS_MFMA_FP8)
    const auto x = operand<long>(a), y = operand<long>(b);
    if constexpr (lines == 32) {
      sums = __builtin_amdgcn_mfma_f32_32x32x16_fp8_fp8(x, y, sums, 0, 0, 0);
    } else {
      sums = __builtin_amdgcn_mfma_f32_16x16x32_fp8_fp8(x, y, sums, 0, 0, 0);
    }
#endif
  }
};
using Mfma32x32x16Fp8 = MfmaFp8<32>;
using Mfma16x16x32Fp8 = MfmaFp8<16>;

// gfx950: twice the depth.
template <int lines>
struct MfmaGfx950Bf16 : MfmaLayout<lines, 8> {
  static constexpr bool kHere = kHasMfmaGfx950;
  static constexpr Element kElement = Element::kBF16;
  using typename MfmaLayout<lines, 8>::Sums;
  __device__ static void multiply([[maybe_unused]] const unsigned* a, [[maybe_unused]] const unsigned* b,
                                  [[maybe_unused]] Sums& sums) {
#if defined(TAMIS_MFMA_GFX950)
    const auto x = operand<Brains<8>>(a), y = operand<Brains<8>>(b);
    if constexpr (lines == 32) {
      sums = __builtin_amdgcn_mfma_f32_32x32x16_bf16(x, y, sums, 0, 0, 0);
    } else {
      sums = __builtin_amdgcn_mfma_f32_16x16x32_bf16(x, y, sums, 0, 0, 0);
    }
#endif
  }
};
using Mfma32x32x16Bf16 = MfmaGfx950Bf16<32>;
using Mfma16x16x32Bf16 = MfmaGfx950Bf16<16>;

}  // namespace tamis::hip
