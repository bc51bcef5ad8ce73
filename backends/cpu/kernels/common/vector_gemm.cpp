// The two products of attention by the f32 kernels of kernels/product.
#include <algorithm>

#include "backends/cpu/kernels/common/gemm.h"
#include "backends/cpu/kernels/product/f32.h"

#if defined(__x86_64__)
namespace tamis::cpu {
namespace {

TileShape tile(const SgemmShape& s) { return {s.m, s.n, s.k, s.lda, s.ldb, s.ldc}; }

template <const F32Kernels& kernels>
void nt(const SgemmShape& s, const float* a, const float* b, float* c) {
  for (std::int64_t i = 0; i < s.m; ++i) std::fill_n(c + i * s.ldc, s.n, 0.0f);
  kernels.add_nt(tile(s), a, b, c);
}

template <const F32Kernels& kernels>
void nn_add(const SgemmShape& s, const float* a, const float* b, float* c) {
  kernels.add_nn(tile(s), a, b, c);
}

}  // namespace

const Gemm kAvx512Gemm{&nt<kF32Avx512>, &nn_add<kF32Avx512>, &kAvx512RowOps};
const Gemm kAvx2Gemm{&nt<kF32Avx2>, &nn_add<kF32Avx2>, &kAvx2RowOps};

}  // namespace tamis::cpu
#endif
