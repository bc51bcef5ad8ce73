// One Zen 5 core at m 8, k 576, n 64 (nt) and m 8, k 64, n 512 (nn_add): portable 40 and 47 GFLOP/s with
// SSE2, OpenBLAS (AVX-512) 51 and 70; at m 128 portable the same, OpenBLAS 102 and 112. nn_add adds four rows
// of b to a row of c at a time: GCC 12 vectorises that loop well, and tiles of several rows of c (fewer than
// 11 GFLOP/s) not at all.
#include "backends/cpu/kernels/common/gemm.h"

#include <algorithm>

#include "backends/cpu/kernels/common/tile_product.h"

namespace tamis::cpu {
namespace {

constexpr std::int64_t kColumns = 128;  // of c at a time: half a KiB that stays in L1 over the whole of k

void portable_nt(const SgemmShape& s, const float* a, const float* b, float* c) {
  for (std::int64_t i = 0; i < s.m; ++i) std::fill_n(c + i * s.ldc, s.n, 0.0f);
  add_product_portable(s, a, b, c);
}

// y += sum of four rows of b, added in order.
void add_four_rows(const float* __restrict weights, const float* __restrict b, std::int64_t ldb,
                   std::int64_t n, float* __restrict y) {
  const float w0 = weights[0], w1 = weights[1], w2 = weights[2], w3 = weights[3];
  const float *b0 = b, *b1 = b + ldb, *b2 = b + 2 * ldb, *b3 = b + 3 * ldb;
  for (std::int64_t j = 0; j < n; ++j) {
    y[j] = (((y[j] + w0 * b0[j]) + w1 * b1[j]) + w2 * b2[j]) + w3 * b3[j];
  }
}

void portable_nn_add(const SgemmShape& s, const float* a, const float* b, float* c) {
  for (std::int64_t j = 0; j < s.n; j += kColumns) {
    const std::int64_t columns = std::min(kColumns, s.n - j);
    for (std::int64_t i = 0; i < s.m; ++i) {
      float* __restrict y = c + i * s.ldc + j;
      const float* weights = a + i * s.lda;
      std::int64_t k = 0;
      for (; k + 4 <= s.k; k += 4) add_four_rows(weights + k, b + k * s.ldb + j, s.ldb, columns, y);
      for (; k < s.k; ++k) {
        for (std::int64_t x = 0; x < columns; ++x) y[x] += weights[k] * b[k * s.ldb + j + x];
      }
    }
  }
}

void blas_nt(const SgemmShape& s, const float* a, const float* b, float* c) { sgemm_nt(s, a, b, c); }
void blas_nn_add(const SgemmShape& s, const float* a, const float* b, float* c) {
  sgemm_nn(s, a, b, c, 1.0f, 1.0f);
}

}  // namespace

const Gemm kPortableGemm{portable_nt, portable_nn_add, &kPortableRowOps};
const Gemm kBlasGemm{blas_nt, blas_nn_add, &kPortableRowOps};

}  // namespace tamis::cpu
