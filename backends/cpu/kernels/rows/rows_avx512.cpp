// The row ops with 16 lanes.
#include <immintrin.h>

#include "backends/cpu/kernels/rows/row_vectors.h"

namespace tamis::cpu {
namespace {

struct Avx512 {
  static constexpr int kLanes = 16;
  using Float = float __attribute__((vector_size(64)));
  using Int = std::int32_t __attribute__((vector_size(64)));
  using Word = std::uint32_t __attribute__((vector_size(64)));
  using Short = std::uint16_t __attribute__((vector_size(32)));
  using Byte = std::uint8_t __attribute__((vector_size(16)));
  using HalfFloat = float __attribute__((vector_size(32)));
  using Double = double __attribute__((vector_size(64)));
  using Long = std::int64_t __attribute__((vector_size(64)));

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
