// c[m, n] += a[m, k] · b[n, k]ᵀ on f32 tiles that lie in the cache: the inner product of the MoE rows.
#pragma once

#include "backends/cpu/blas.h"

namespace tamis::cpu {

using AddProductFn = void (*)(const SgemmShape& shape, const float* a, const float* b, float* c);

// Every sum runs in the same order whatever m and n are, so a row's result does not depend on the rows beside
// it.
void add_product_portable(const SgemmShape& shape, const float* a, const float* b, float* c);

// Rows from which OpenBLAS beats the portable product (n = 64, k = 1024: 4 rows 20 against 23 GFLOP/s, 8 rows
// 24 against 16, 128 rows 49 against 19, on one core of a Zen 5 server with AVX-512).
inline constexpr std::int64_t kBlasRows = 8;

// OpenBLAS on the calling thread; the portable product for fewer than kBlasRows rows.
void add_product_blas(const SgemmShape& shape, const float* a, const float* b, float* c);

}  // namespace tamis::cpu
