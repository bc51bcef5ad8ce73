#include "backends/cpu/blas.h"

#include <cblas.h>

#include "backends/cpu/threads.h"

namespace tamis::cpu {
namespace {

void sgemm(CBLAS_TRANSPOSE trans_b, const SgemmShape& s, const float* a, const float* b, float* c,
           float alpha, float beta) {
  static const bool threads_set = [] {
    openblas_set_num_threads(thread_count());
    return true;
  }();
  (void)threads_set;
  cblas_sgemm(CblasRowMajor, CblasNoTrans, trans_b, static_cast<blasint>(s.m), static_cast<blasint>(s.n),
              static_cast<blasint>(s.k), alpha, a, static_cast<blasint>(s.lda), b,
              static_cast<blasint>(s.ldb), beta, c, static_cast<blasint>(s.ldc));
}

}  // namespace

void sgemm_nt(const SgemmShape& shape, const float* a, const float* b, float* c, float alpha, float beta) {
  sgemm(CblasTrans, shape, a, b, c, alpha, beta);
}

void sgemm_nn(const SgemmShape& shape, const float* a, const float* b, float* c, float alpha, float beta) {
  sgemm(CblasNoTrans, shape, a, b, c, alpha, beta);
}

}  // namespace tamis::cpu
