// OpenBLAS, behind plain signatures: blas.cpp is the only file that includes cblas.h.
#pragma once

#include <cstdint>

namespace tamis::cpu {

struct SgemmShape {
  std::int64_t m, n, k;
  std::int64_t lda, ldb, ldc;  // row strides, elements
};

// c[m, n] = alpha * a[m, k] * b[n, k]^T + beta * c. Uses OpenBLAS's threads unless called from a parallel
// region.
void sgemm_nt(const SgemmShape& shape, const float* a, const float* b, float* c, float alpha = 1.0f,
              float beta = 0.0f);
// c[m, n] = alpha * a[m, k] * b[k, n] + beta * c.
void sgemm_nn(const SgemmShape& shape, const float* a, const float* b, float* c, float alpha = 1.0f,
              float beta = 0.0f);

}  // namespace tamis::cpu
