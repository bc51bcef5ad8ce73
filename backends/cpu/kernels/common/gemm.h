// The two products of attention, by plain loops, OpenBLAS or vectors, behind one type: kernels take a Gemm
// and become a row of either family.
#pragma once

#include "backends/cpu/blas.h"
#include "backends/cpu/kernels/rows/row_ops.h"

namespace tamis::cpu {

struct Gemm {
  // c[m, n] = a[m, k] * b[n, k]^T
  void (*nt)(const SgemmShape& shape, const float* a, const float* b, float* c);
  // c[m, n] += a[m, k] * b[k, n]
  void (*nn_add)(const SgemmShape& shape, const float* a, const float* b, float* c);
  const RowOps* rows;  // for what lies between the products
};

// Plain loops. The bits of an element of c depend on its row of a and its column of b alone, not on m and n.
extern const Gemm kPortableGemm;
// OpenBLAS's sgemm: single-threaded inside a parallel region.
extern const Gemm kBlasGemm;
// f32 vectors. Columns of nn_add and rows of b and c there are multiples of 16.
extern const Gemm kAvx512Gemm;
extern const Gemm kAvx2Gemm;

}  // namespace tamis::cpu
