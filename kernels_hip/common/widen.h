// Runs of 16 elements of a row as bf16 or f16, two to a register: what the matrix instructions take.
#pragma once

#include "kernels_gpu/common/elements.h"
#include "kernels_hip/common/matrix_operand.h"

namespace tamis::hip {

inline constexpr int kRun = 16;  // elements

// A run as it lies in memory: codes, or bf16.
template <Element element>
struct Run {
  static constexpr int kBytes = element == Element::kE4M3 ? 1 : 2;
  Quad parts[kBytes];
};

// Four e4m3 codes, each at its place in f16: 2^-8 of its value. Codes 0 and 2 in x, 1 and 3 in y: what costs
// least. NaN codes read as 480 * 2^-8.
__device__ inline uint2 place_e4m3(unsigned codes) {
#if defined(__AMDGCN__)
  const unsigned pairs[2] = {__builtin_amdgcn_perm(0, codes, 0x020c000cu), codes};
#else
  const unsigned pairs[2] = {codes << 8 & 0xff00ff00u, codes};
#endif
  unsigned placed[2];
#pragma unroll
  for (int i = 0; i < 2; ++i) {
    const Shorts<2> moved = operand<Shorts<2>>(pairs + i) >> 1;  // the sign in bits 15 and 14
    __builtin_memcpy(placed + i, &moved, 4);
    placed[i] &= 0xbf80bf80u;
  }
  return {placed[0], placed[1]};
}

// 16 e4m3 codes times a power of two as bf16: exact. With `nans`, a NaN code makes all 16 NaN, and so what
// they are summed into, of which they are all a part; else it reads as 480.
template <bool nans>
__device__ inline void widen_scaled(const Run<Element::kE4M3>& run, float scale, unsigned* words) {
  float factor = scale * 256;
  if constexpr (nans) {
    unsigned found = 0;
#pragma unroll
    for (int i = 0; i < 4; ++i) found |= (run.parts[0][i] & 0x7f7f7f7fu) + 0x01010101u;
    if ((found & 0x80808080u) != 0) factor = numeric::bits_float(0x7fc00000u);
  }
#pragma unroll
  for (int i = 0; i < 4; ++i) {
    const uint2 placed = place_e4m3(run.parts[0][i]);
    const auto even = operand<Halves<2>>(&placed.x), odd = operand<Halves<2>>(&placed.y);
#pragma unroll
    for (int j = 0; j < 2; ++j) {
      // As a fused product CDNA and RDNA take f16 for it; -0 becomes 0.
      const float low = gpu::multiply_add(static_cast<float>(even[j]), factor, 0.0f);
      const float high = gpu::multiply_add(static_cast<float>(odd[j]), factor, 0.0f);
      words[i * 2 + j] = high_halves(numeric::float_bits(low), numeric::float_bits(high));
    }
  }
}

// As bf16. What nans says is for codes.
template <bool nans = true>
__device__ inline void widen(const Run<Element::kE4M3>& run, unsigned* words) {
  widen_scaled<nans>(run, 1, words);
}
template <bool nans = true>
__device__ inline void widen(const Run<Element::kBF16>& run, unsigned* words) {
  __builtin_memcpy(words, run.parts, sizeof(run.parts));
}

// e4m3 codes as f16, each four in the order 0, 2, 1, 3: for products of which both sides are. With `nans`,
// NaN codes become NaN; else they read as 480.
template <bool nans>
__device__ inline void widen_f16(const Run<Element::kE4M3>& run, unsigned* words) {
#pragma unroll
  for (int i = 0; i < 4; ++i) {
    const unsigned codes = run.parts[0][i];
    const uint2 placed = place_e4m3(codes);
    const unsigned pairs[2] = {placed.x, placed.y};
#pragma unroll
    for (int j = 0; j < 2; ++j) {
      const Halves<2> scaled = operand<Halves<2>>(pairs + j) * Halves<2>{256, 256};
      __builtin_memcpy(words + i * 2 + j, &scaled, 4);
    }
    if constexpr (nans) {
#pragma unroll
      for (int j = 0; j < 4; ++j) {
        const bool nan = (codes >> j * 8 & 0x7fu) == 0x7fu;
        words[i * 2 + j % 2] |= nan ? 0x7e00u << j / 2 * 16 : 0u;
      }
    }
  }
}

// The run that begins at `first`. Rows need not be aligned: the global loads of gfx9 and later take any
// address, and the compiler makes one of 16 bytes of this.
template <Element element>
__device__ inline Run<element> load_run(const unsigned char* first) {
  Run<element> run;
  __builtin_memcpy(&run, first, sizeof(run));
  return run;
}

}  // namespace tamis::hip
