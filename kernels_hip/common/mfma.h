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

// gfx90a and later.
struct Mfma32x32x8Bf16 : MfmaLayout<32, 4> {
  static constexpr bool kHere = kHasMfma;
  static constexpr Element kElement = Element::kBF16;
  __device__ static void multiply([[maybe_unused]] const unsigned* a, [[maybe_unused]] const unsigned* b,
                                  [[maybe_unused]] Sums& sums) {
#if defined(TAMIS_MFMA)
    sums =
        __builtin_amdgcn_mfma_f32_32x32x8bf16_1k(operand<Shorts<4>>(a), operand<Shorts<4>>(b), sums, 0, 0, 0);
#endif
  }
};

struct Mfma16x16x16Bf16 : MfmaLayout<16, 4> {
  static constexpr bool kHere = kHasMfma;
  static constexpr Element kElement = Element::kBF16;
  __device__ static void multiply([[maybe_unused]] const unsigned* a, [[maybe_unused]] const unsigned* b,
                                  [[maybe_unused]] Sums& sums) {
#if defined(TAMIS_MFMA)
    sums = __builtin_amdgcn_mfma_f32_16x16x16bf16_1k(operand<Shorts<4>>(a), operand<Shorts<4>>(b), sums, 0, 0,
                                                     0);
#endif
  }
};

struct Mfma32x32x8F16 : MfmaLayout<32, 4> {
  static constexpr bool kHere = kHasMfma;
  static constexpr Element kElement = Element::kF16;
  __device__ static void multiply([[maybe_unused]] const unsigned* a, [[maybe_unused]] const unsigned* b,
                                  [[maybe_unused]] Sums& sums) {
#if defined(TAMIS_MFMA)
    sums = __builtin_amdgcn_mfma_f32_32x32x8f16(operand<Halves<4>>(a), operand<Halves<4>>(b), sums, 0, 0, 0);
#endif
  }
};

struct Mfma16x16x16F16 : MfmaLayout<16, 4> {
  static constexpr bool kHere = kHasMfma;
  static constexpr Element kElement = Element::kF16;
  __device__ static void multiply([[maybe_unused]] const unsigned* a, [[maybe_unused]] const unsigned* b,
                                  [[maybe_unused]] Sums& sums) {
#if defined(TAMIS_MFMA)
    sums = __builtin_amdgcn_mfma_f32_16x16x16f16(operand<Halves<4>>(a), operand<Halves<4>>(b), sums, 0, 0, 0);
#endif
  }
};

// gfx942, whose e4m3 is FNUZ (bias 8, no -0, NaN 0x80), and gfx950, whose e4m3 is OCP's.
struct Mfma32x32x16Fp8 : MfmaLayout<32, 8> {
  static constexpr bool kHere = kHasMfmaFp8;
  static constexpr Element kElement = Element::kE4M3;
  __device__ static void multiply([[maybe_unused]] const unsigned* a, [[maybe_unused]] const unsigned* b,
                                  [[maybe_unused]] Sums& sums) {
#if defined(TAMIS_MFMA_FP8)
    sums = __builtin_amdgcn_mfma_f32_32x32x16_fp8_fp8(operand<long>(a), operand<long>(b), sums, 0, 0, 0);
#endif
  }
};

struct Mfma16x16x32Fp8 : MfmaLayout<16, 8> {
  static constexpr bool kHere = kHasMfmaFp8;
  static constexpr Element kElement = Element::kE4M3;
  __device__ static void multiply([[maybe_unused]] const unsigned* a, [[maybe_unused]] const unsigned* b,
                                  [[maybe_unused]] Sums& sums) {
#if defined(TAMIS_MFMA_FP8)
    sums = __builtin_amdgcn_mfma_f32_16x16x32_fp8_fp8(operand<long>(a), operand<long>(b), sums, 0, 0, 0);
#endif
  }
};

// gfx950: twice the depth.
struct Mfma32x32x16Bf16 : MfmaLayout<32, 8> {
  static constexpr bool kHere = kHasMfmaGfx950;
  static constexpr Element kElement = Element::kBF16;
  __device__ static void multiply([[maybe_unused]] const unsigned* a, [[maybe_unused]] const unsigned* b,
                                  [[maybe_unused]] Sums& sums) {
#if defined(TAMIS_MFMA_GFX950)
    sums =
        __builtin_amdgcn_mfma_f32_32x32x16_bf16(operand<Brains<8>>(a), operand<Brains<8>>(b), sums, 0, 0, 0);
#endif
  }
};

struct Mfma16x16x32Bf16 : MfmaLayout<16, 8> {
  static constexpr bool kHere = kHasMfmaGfx950;
  static constexpr Element kElement = Element::kBF16;
  __device__ static void multiply([[maybe_unused]] const unsigned* a, [[maybe_unused]] const unsigned* b,
                                  [[maybe_unused]] Sums& sums) {
#if defined(TAMIS_MFMA_GFX950)
    sums =
        __builtin_amdgcn_mfma_f32_16x16x32_bf16(operand<Brains<8>>(a), operand<Brains<8>>(b), sums, 0, 0, 0);
#endif
  }
};

}  // namespace tamis::hip
