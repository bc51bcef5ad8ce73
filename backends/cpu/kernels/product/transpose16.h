// For files that are compiled for AVX-512.
#pragma once

#include <immintrin.h>

namespace tamis::cpu {

// 16 x 16 dwords: v[i] of row i becomes v[j] of column j.
static inline __attribute__((always_inline)) void transpose16(__m512i (&v)[16]) {
  __m512i t[16];
#pragma GCC unroll 8
  for (int i = 0; i < 8; ++i) {
    t[2 * i] = _mm512_unpacklo_epi32(v[2 * i], v[2 * i + 1]);
    t[2 * i + 1] = _mm512_unpackhi_epi32(v[2 * i], v[2 * i + 1]);
  }
  // u[4 i + j]: column 4 q + j of rows 4 i to 4 i + 3, in quarter q.
  __m512i u[16];
#pragma GCC unroll 4
  for (int i = 0; i < 4; ++i) {
    u[4 * i] = _mm512_unpacklo_epi64(t[4 * i], t[4 * i + 2]);
    u[4 * i + 1] = _mm512_unpackhi_epi64(t[4 * i], t[4 * i + 2]);
    u[4 * i + 2] = _mm512_unpacklo_epi64(t[4 * i + 1], t[4 * i + 3]);
    u[4 * i + 3] = _mm512_unpackhi_epi64(t[4 * i + 1], t[4 * i + 3]);
  }
#pragma GCC unroll 4
  for (int j = 0; j < 4; ++j) {
    const __m512i low01 = _mm512_shuffle_i32x4(u[j], u[4 + j], 0x44);
    const __m512i high01 = _mm512_shuffle_i32x4(u[j], u[4 + j], 0xee);
    const __m512i low23 = _mm512_shuffle_i32x4(u[8 + j], u[12 + j], 0x44);
    const __m512i high23 = _mm512_shuffle_i32x4(u[8 + j], u[12 + j], 0xee);
    v[j] = _mm512_shuffle_i32x4(low01, low23, 0x88);
    v[4 + j] = _mm512_shuffle_i32x4(low01, low23, 0xdd);
    v[8 + j] = _mm512_shuffle_i32x4(high01, high23, 0x88);
    v[12 + j] = _mm512_shuffle_i32x4(high01, high23, 0xdd);
  }
}

}  // namespace tamis::cpu
