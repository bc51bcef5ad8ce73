// The row ops with 8 lanes.
#include <immintrin.h>

#include "backends/cpu/kernels/rows/row_vectors.h"

namespace tamis::cpu {
namespace {

struct Avx2 : row_vectors::Vectors<8> {
  static Float from_f16(Short codes) { return _mm256_cvtph_ps(reinterpret_cast<__m128i>(codes)); }
  static Short to_f16(Float value) {
    return reinterpret_cast<Short>(_mm256_cvtps_ph(value, _MM_FROUND_TO_NEAREST_INT));
  }
  static Float permute(Float value, Int lanes) {
    return _mm256_permutevar8x32_ps(value, reinterpret_cast<__m256i>(lanes));
  }
  static float sum(Float value) {
    const __m128 half = _mm_add_ps(_mm256_castps256_ps128(value), _mm256_extractf128_ps(value, 1));
    const __m128 pair = _mm_add_ps(half, _mm_movehl_ps(half, half));
    return _mm_cvtss_f32(_mm_add_ss(pair, _mm_movehdup_ps(pair)));
  }
};

}  // namespace

const RowOps kAvx2RowOps = row_vectors::row_ops<Avx2>();

}  // namespace tamis::cpu
