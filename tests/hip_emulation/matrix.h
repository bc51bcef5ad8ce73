// Matrix instructions of the emulated GPU: what a lane's registers hold is written down here once more,
// apart from the kernels, from the same public tables (kernels_hip/common/mfma.h and wmma.h name them).
#pragma once

#include "tests/hip_emulation/block.h"

namespace hip_emulation {

enum class Family { kCdna, kRdna3, kRdna4 };
enum class Format { kF16, kBF16, kFp8 };

struct MatrixInstruction {
  const char* name;
  Family family;
  Format format;
  int lines;  // rows of A and D, columns of B and D
  int depth;  // columns of A, rows of B
  // Devices that have it: architectures from first to last.
  int first_arch, last_arch;

  int lanes() const { return family == Family::kCdna ? 64 : 32; }
  // Values of an operand that a lane holds, and their bytes.
  int values() const { return family == Family::kRdna3 ? depth : lines * depth / lanes(); }
  int bytes() const { return values() * (format == Format::kFp8 ? 1 : 2); }
  int sums() const { return lines * lines / lanes(); }
};

// Whose k value `i` of `lane` is, of A and B; whose row the sum in register r. The line of an operand and
// the column of a sum are lane % lines.
int depth_of(const MatrixInstruction& instruction, int lane, int i);
int row_of(const MatrixInstruction& instruction, int lane, int r);

// e4m3 in the running device's dialect.
float decode_fp8(unsigned char code, bool fnuz);

// By each lane: adds the product of what all lanes bring to its sums. Lanes that are missing make all sums
// NaN and are reported, as is an instruction that the device does not have.
void multiply_lanes(const MatrixInstruction& instruction, const void* a, const void* b, float* sums,
                    Site site);

template <class Operand, class Sums>
Sums multiply(const MatrixInstruction& instruction, const Operand& a, const Operand& b, const Sums& sums,
              Site site) {
  float values[sizeof(Sums) / sizeof(float)];
  __builtin_memcpy(values, &sums, sizeof(Sums));
  multiply_lanes(instruction, &a, &b, values, site);
  Sums result;
  __builtin_memcpy(&result, values, sizeof(Sums));
  return result;
}

inline constexpr MatrixInstruction kMfma32x32x8F16{
    "v_mfma_f32_32x32x8_f16", Family::kCdna, Format::kF16, 32, 8, 0x90a, 0x950};
inline constexpr MatrixInstruction kMfma16x16x16F16{
    "v_mfma_f32_16x16x16_f16", Family::kCdna, Format::kF16, 16, 16, 0x90a, 0x950};
inline constexpr MatrixInstruction kMfma32x32x8Bf16{
    "v_mfma_f32_32x32x8_bf16", Family::kCdna, Format::kBF16, 32, 8, 0x90a, 0x950};
inline constexpr MatrixInstruction kMfma16x16x16Bf16{
    "v_mfma_f32_16x16x16_bf16", Family::kCdna, Format::kBF16, 16, 16, 0x90a, 0x950};
inline constexpr MatrixInstruction kMfma32x32x16Fp8{
    "v_mfma_f32_32x32x16_fp8_fp8", Family::kCdna, Format::kFp8, 32, 16, 0x942, 0x950};
inline constexpr MatrixInstruction kMfma16x16x32Fp8{
    "v_mfma_f32_16x16x32_fp8_fp8", Family::kCdna, Format::kFp8, 16, 32, 0x942, 0x950};
inline constexpr MatrixInstruction kMfma32x32x16Bf16{
    "v_mfma_f32_32x32x16_bf16", Family::kCdna, Format::kBF16, 32, 16, 0x950, 0x950};
inline constexpr MatrixInstruction kMfma16x16x32Bf16{
    "v_mfma_f32_16x16x32_bf16", Family::kCdna, Format::kBF16, 16, 32, 0x950, 0x950};
inline constexpr MatrixInstruction kWmmaGfx11F16{
    "v_wmma_f32_16x16x16_f16", Family::kRdna3, Format::kF16, 16, 16, 0x1100, 0x11ff};
inline constexpr MatrixInstruction kWmmaGfx11Bf16{
    "v_wmma_f32_16x16x16_bf16", Family::kRdna3, Format::kBF16, 16, 16, 0x1100, 0x11ff};
inline constexpr MatrixInstruction kWmmaGfx12F16{
    "v_wmma_f32_16x16x16_f16 (gfx12)", Family::kRdna4, Format::kF16, 16, 16, 0x1200, 0x1201};
inline constexpr MatrixInstruction kWmmaGfx12Bf16{
    "v_wmma_f32_16x16x16_bf16 (gfx12)", Family::kRdna4, Format::kBF16, 16, 16, 0x1200, 0x1201};
inline constexpr MatrixInstruction kWmmaGfx12Fp8{
    "v_wmma_f32_16x16x16_fp8_fp8", Family::kRdna4, Format::kFp8, 16, 16, 0x1200, 0x1201};

}  // namespace hip_emulation

// The names under which clang offers them; cbsz, abid and blgp permute operands and are 0 in all kernels.
#define TAMIS_EMULATED_MATRIX(INSTRUCTION, A, B, C) \
  ::hip_emulation::multiply(::hip_emulation::INSTRUCTION, A, B, C, {__FILE__, __LINE__})
#define __builtin_amdgcn_mfma_f32_32x32x8f16(a, b, c, cbsz, abid, blgp) \
  TAMIS_EMULATED_MATRIX(kMfma32x32x8F16, a, b, c)
#define __builtin_amdgcn_mfma_f32_16x16x16f16(a, b, c, cbsz, abid, blgp) \
  TAMIS_EMULATED_MATRIX(kMfma16x16x16F16, a, b, c)
#define __builtin_amdgcn_mfma_f32_32x32x8bf16_1k(a, b, c, cbsz, abid, blgp) \
  TAMIS_EMULATED_MATRIX(kMfma32x32x8Bf16, a, b, c)
#define __builtin_amdgcn_mfma_f32_16x16x16bf16_1k(a, b, c, cbsz, abid, blgp) \
  TAMIS_EMULATED_MATRIX(kMfma16x16x16Bf16, a, b, c)
#define __builtin_amdgcn_mfma_f32_32x32x16_fp8_fp8(a, b, c, cbsz, abid, blgp) \
  TAMIS_EMULATED_MATRIX(kMfma32x32x16Fp8, a, b, c)
#define __builtin_amdgcn_mfma_f32_16x16x32_fp8_fp8(a, b, c, cbsz, abid, blgp) \
  TAMIS_EMULATED_MATRIX(kMfma16x16x32Fp8, a, b, c)
#define __builtin_amdgcn_mfma_f32_32x32x16_bf16(a, b, c, cbsz, abid, blgp) \
  TAMIS_EMULATED_MATRIX(kMfma32x32x16Bf16, a, b, c)
#define __builtin_amdgcn_mfma_f32_16x16x32_bf16(a, b, c, cbsz, abid, blgp) \
  TAMIS_EMULATED_MATRIX(kMfma16x16x32Bf16, a, b, c)
#define __builtin_amdgcn_wmma_f32_16x16x16_f16_w32(a, b, c) TAMIS_EMULATED_MATRIX(kWmmaGfx11F16, a, b, c)
#define __builtin_amdgcn_wmma_f32_16x16x16_bf16_w32(a, b, c) TAMIS_EMULATED_MATRIX(kWmmaGfx11Bf16, a, b, c)
#define __builtin_amdgcn_wmma_f32_16x16x16_f16_w32_gfx12(a, b, c) \
  TAMIS_EMULATED_MATRIX(kWmmaGfx12F16, a, b, c)
#define __builtin_amdgcn_wmma_f32_16x16x16_bf16_w32_gfx12(a, b, c) \
  TAMIS_EMULATED_MATRIX(kWmmaGfx12Bf16, a, b, c)
#define __builtin_amdgcn_wmma_f32_16x16x16_fp8_fp8_w32_gfx12(a, b, c) \
  TAMIS_EMULATED_MATRIX(kWmmaGfx12Fp8, a, b, c)
