// For files that are compiled for AVX-512.
#pragma once

#include <immintrin.h>

namespace tamis::cpu {

// exp of x <= 0 or NaN: kernels/common/exp.h in 16 lanes. 2^n comes by vscalefps, so results below 1.6e-38
// fade instead of ending.
static inline __attribute__((always_inline)) __m512 exp16_nonpositive(__m512 x) {
  const __m512 n =
      _mm512_roundscale_ps(_mm512_mul_ps(x, _mm512_set1_ps(1.44269504088896341f)), _MM_FROUND_TO_NEAREST_INT);
  // -inf: n is -inf and r would be NaN.
  const __m512 low = _mm512_max_ps(_mm512_set1_ps(-200.0f), n);
  __m512 r = _mm512_fnmadd_ps(low, _mm512_set1_ps(0.693359375f), x);
  r = _mm512_fmadd_ps(low, _mm512_set1_ps(2.12194440e-4f), r);
  __m512 p = _mm512_set1_ps(1.9875691500e-4f);
  p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(1.3981999507e-3f));
  p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(8.3334519073e-3f));
  p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(4.1665795894e-2f));
  p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(1.6666665459e-1f));
  p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(5.0000001201e-1f));
  p = _mm512_add_ps(_mm512_fmadd_ps(_mm512_mul_ps(p, r), r, r), _mm512_set1_ps(1.0f));
  // Below -87 nothing is left; NaN compares false and stays.
  const __mmask16 tiny = _mm512_cmp_ps_mask(x, _mm512_set1_ps(-87.0f), _CMP_LE_OQ);
  return _mm512_mask_mov_ps(_mm512_scalef_ps(p, low), tiny, _mm512_setzero_ps());
}

}  // namespace tamis::cpu
