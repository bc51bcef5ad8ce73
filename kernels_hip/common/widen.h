// Runs of 16 elements of a row as bf16 or f16, two to a register: what the matrix instructions take.
#pragma once

#include "core/numeric/float16.h"
#include "core/numeric/fp8.h"
#include "kernels_hip/common/matrix_operand.h"

namespace tamis::hip {

inline constexpr int kRun = 16;  // elements

// A run as it lies in memory: codes, or bf16.
template <Element element>
struct Run {
  static constexpr int kBytes = element == Element::kE4M3 ? 1 : 2;
  Quad parts[kBytes];
};

// Four e4m3 codes as bf16. A code's exponent and mantissa at their places in f32 are 2^-120 of its value,
// subnormals included; what is left of f32 below bf16 is zero.
__device__ inline uint2 widen_e4m3(unsigned codes) {
  const unsigned nans = (codes & 0x7f7f7f7fu) + 0x01010101u;  // bit 7 of a byte: its code is NaN
  unsigned wide[4];
#pragma unroll
  for (int i = 0; i < 4; ++i) {
    const unsigned code = codes >> i * 8;
    const unsigned moved = (code & 0x80u) << 24 | (code & 0x7fu) << 20;
    const auto nan = static_cast<unsigned>(static_cast<int>(nans << (24 - i * 8)) >> 31);  // all bits or none
    wide[i] = numeric::float_bits(numeric::bits_float(moved) * 0x1p120f) | (nan & 0x7fff0000u);
  }
  return {wide[0] >> 16 | wide[1], wide[2] >> 16 | wide[3]};
}

// Four e4m3 codes as f16: a code at its place in f16 is 2^-8 of its value. Two instructions a code; NaN codes
// read as 480.
__device__ inline uint2 widen_e4m3_f16(unsigned codes) {
  const unsigned pairs[2] = {(codes << 8 & 0xff00u) | (codes << 16 & 0xff000000u),
                             (codes >> 8 & 0xff00u) | (codes & 0xff000000u)};
  unsigned wide[2];
#pragma unroll
  for (int i = 0; i < 2; ++i) {
    const unsigned moved = (pairs[i] & 0x80008000u) | (pairs[i] >> 1 & 0x3f803f80u);
    const Halves<2> scaled = operand<Halves<2>>(&moved) * Halves<2>{256, 256};
    __builtin_memcpy(&wide[i], &scaled, 4);
  }
  return {wide[0], wide[1]};
}

template <Element element>
__device__ inline void widen(const Run<element>& run, unsigned* words) {
#pragma unroll
  for (int part = 0; part < Run<element>::kBytes; ++part) {
    const Quad v = run.parts[part];
    if constexpr (element == Element::kE4M3) {
      const unsigned codes[4] = {v.x, v.y, v.z, v.w};
#pragma unroll
      for (int i = 0; i < 4; ++i) {
        const uint2 pair = widen_e4m3(codes[i]);
        words[i * 2] = pair.x;
        words[i * 2 + 1] = pair.y;
      }
    } else {
      words[part * 4] = v.x;
      words[part * 4 + 1] = v.y;
      words[part * 4 + 2] = v.z;
      words[part * 4 + 3] = v.w;
    }
  }
}

// e4m3 codes as f16. With `nans`, NaN codes become NaN.
template <bool nans>
__device__ inline void widen_f16(const Run<Element::kE4M3>& run, unsigned* words) {
#pragma unroll
  for (int i = 0; i < 4; ++i) {
    const unsigned codes = run.parts[0][i];
    const uint2 pair = widen_e4m3_f16(codes);
    words[i * 2] = pair.x;
    words[i * 2 + 1] = pair.y;
    if constexpr (nans) {
#pragma unroll
      for (int j = 0; j < 4; ++j) {
        const bool nan = (codes >> j * 8 & 0x7fu) == 0x7fu;
        words[i * 2 + j / 2] |= nan ? 0x7e00u << j % 2 * 16 : 0u;
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
