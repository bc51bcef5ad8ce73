// Portable tile product. Register blocks of 2 x 4 sums (1 x 4 for a single row), each sum kept as four lanes:
// eight independent chains hide the latency of an add, and 8 sums + 4 weights + 2 activations fill the 16 SSE
// registers of baseline x86-64. Weights of a block of four columns stay in L1 while the rows pass by.
#include "backends/cpu/kernels/common/tile_product.h"

#include <cstring>

namespace tamis::cpu {
namespace {

using Lanes = float __attribute__((vector_size(16)));

Lanes load(const float* src) {
  Lanes lanes;
  std::memcpy(&lanes, src, sizeof(lanes));
  return lanes;
}

// The R x C block of c at (row, col).
template <int R, int C>
void add_block(const SgemmShape& s, const float* a, const float* b, float* c) {
  Lanes sums[R][C] = {};
  std::int64_t i = 0;
  for (; i + 4 <= s.k; i += 4) {
    Lanes weights[C];
    for (int j = 0; j < C; ++j) weights[j] = load(b + j * s.ldb + i);
    for (int t = 0; t < R; ++t) {
      const Lanes x = load(a + t * s.lda + i);
      for (int j = 0; j < C; ++j) sums[t][j] += x * weights[j];
    }
  }
  for (int t = 0; t < R; ++t) {
    for (int j = 0; j < C; ++j) {
      float tail = 0;
      for (std::int64_t rest = i; rest < s.k; ++rest) tail += a[t * s.lda + rest] * b[j * s.ldb + rest];
      const Lanes& lanes = sums[t][j];
      c[t * s.ldc + j] += ((lanes[0] + lanes[1]) + (lanes[2] + lanes[3])) + tail;
    }
  }
}

template <int C>
void add_columns(const SgemmShape& s, const float* a, const float* b, float* c) {
  std::int64_t t = 0;
  for (; t + 2 <= s.m; t += 2) add_block<2, C>(s, a + t * s.lda, b, c + t * s.ldc);
  if (t < s.m) add_block<1, C>(s, a + t * s.lda, b, c + t * s.ldc);
}

}  // namespace

void add_product_portable(const SgemmShape& s, const float* a, const float* b, float* c) {
  std::int64_t j = 0;
  for (; j + 4 <= s.n; j += 4) add_columns<4>(s, a, b + j * s.ldb, c + j);
  for (; j < s.n; ++j) add_columns<1>(s, a, b + j * s.ldb, c + j);
}

void add_product_blas(const SgemmShape& s, const float* a, const float* b, float* c) {
  if (s.m < kBlasRows) return add_product_portable(s, a, b, c);
  sgemm_nt(s, a, b, c, 1.0f, 1.0f);
}

}  // namespace tamis::cpu
