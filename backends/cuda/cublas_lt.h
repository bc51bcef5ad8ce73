// cuBLASLt, opened at run time: the plug-in must load on a machine that has no CUDA libraries.
#pragma once

#include <cublasLt.h>

#include <cstdint>

#include "core/base/reason.h"
#include "core/base/status.h"
#include "kernels_cuda/common/matrix.h"

namespace tamis::cuda {

// Workspace that NVIDIA recommends for Hopper; a plan holds it once for all its products.
inline constexpr std::int64_t kCublasLtWorkspace = 32 << 20;

// Multipliers of e4m3 operands, in lines of multiples of four: the library wants k in 512s, tokens in fours.
struct LtBlockScales {
  const float* x = nullptr;  // [k / 128, tokens], of 128 columns of a row
  const float* w = nullptr;  // [n / 128, k / 128], of 128 x 128
};

// y = x . W^T, row-major, f32 sums, without TF32 and without reductions in arrival order.
struct LtProduct {
  ConstMatrix x;  // [tokens, k]
  ConstMatrix w;  // [n, k], elements as x
  LtBlockScales scales;
  Matrix y;  // [tokens, n]
  std::int64_t tokens;
  std::int64_t n;
  std::int64_t k;
  void* workspace;
};

// Whether the library can be opened; the reason says what is missing.
Reason cublas_lt_available();
Status cublas_lt_product(const LtProduct& product, cudaStream_t stream);

}  // namespace tamis::cuda
