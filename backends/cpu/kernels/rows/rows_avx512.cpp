// The row ops with 16 lanes.
#include <immintrin.h>

#include "backends/cpu/kernels/rows/row_vectors.h"

namespace tamis::cpu {
namespace {

struct Avx512 : row_vectors::Vectors<16> {
  static Float from_f16(Short codes) { return _mm512_cvtph_ps(reinterpret_cast<__m256i>(codes)); }
  static Short to_f16(Float value) {
    return reinterpret_cast<Short>(_mm512_cvtps_ph(value, _MM_FROUND_TO_NEAREST_INT));
  }
  static Float permute(Float value, Int lanes) {
    return _mm512_permutexvar_ps(reinterpret_cast<__m512i>(lanes), value);
  }
  static float sum(Float value) { return _mm512_reduce_add_ps(value); }
};

}  // namespace

const RowOps kAvx512RowOps = row_vectors::row_ops<Avx512>();

}  // namespace tamis::cpu
