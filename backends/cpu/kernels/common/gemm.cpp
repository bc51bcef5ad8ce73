// The portable loops are shaped for GCC 12's auto-vectoriser at SSE2. Measured at m 8, k 576, n 64 (nt) and m
// 8, k 64, n 512 (nn_add) on one Zen 5 core, whose SSE2 peak without FMA is about 60 GFLOP/s: nt 30, nn_add
// 47; OpenBLAS (AVX-512) 51 and 70. Register tiles of 2 x 2 and more defeat the vectoriser (8 to 15 GFLOP/s).
#include "backends/cpu/kernels/common/gemm.h"

#include <algorithm>

namespace tamis::cpu {
namespace {

constexpr int kLanes = 16;  // running sums of a dot product: four SSE registers hide the add latency
constexpr std::int64_t kColumns = 128;  // of c at a time: half a KiB that stays in L1 over the whole of k

float dot(const float* x, const float* y, std::int64_t n) {
  float sums[kLanes] = {};
  std::int64_t i = 0;
  for (; i + kLanes <= n; i += kLanes) {
    for (int lane = 0; lane < kLanes; ++lane) sums[lane] += x[i + lane] * y[i + lane];
  }
  for (int lane = 0; i < n; ++i, ++lane) sums[lane] += x[i] * y[i];
  for (int half = kLanes / 2; half > 0; half /= 2) {
    for (int lane = 0; lane < half; ++lane) sums[lane] += sums[lane + half];
  }
  return sums[0];
}

// Rows of b in the outer loop: one stays in L1 while all rows of a pass by.
void portable_nt(const SgemmShape& s, const float* a, const float* b, float* c) {
  for (std::int64_t j = 0; j < s.n; ++j) {
    for (std::int64_t i = 0; i < s.m; ++i) c[i * s.ldc + j] = dot(a + i * s.lda, b + j * s.ldb, s.k);
  }
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

const Gemm kPortableGemm{portable_nt, portable_nn_add};
const Gemm kBlasGemm{blas_nt, blas_nn_add};

}  // namespace tamis::cpu
