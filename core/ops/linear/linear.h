// linear: y = quant(x) · Wᵀ.
//
//   x [T, K]  f32, bf16 or f16, rows may be strided
//   w [N, K]  weight: f32, bf16, f16 or e4m3 with 128 x 128 block scales (multipliers)
//   y [T, N]  params.out: f32, bf16 or f16
//
// Numerics: products and sums in fp32 (a unit that accumulates narrower promotes every 128 of K); one
// rounding, to y. act_quant rounds each row of x per 128 columns to e4m3 first; x · scale is exact in bf16
// and f32 when the scale is a power of two. An e4m3 weight that is NaN (codes 0x7f and 0xff; checkpoints have
// none) counts as NaN or as 480. Rows of padding tokens are computed like any other and read by
// nobody. FLOPs 2 T N K. Source: DeepSeek-V3 inference/kernel.py (fp8_gemm), model.py (Linear).
#pragma once

#include "core/graph/graph.h"
#include "core/ops/ops.h"

namespace tamis {

namespace op {
extern const OpDef linear;
}

struct LinearParams {
  ActQuant act_quant = ActQuant::kNone;
  DType out = DType::kF32;
};

namespace linear_operand {
enum : int { kX, kWeight, kY };
}

inline ValueId add_linear(Graph& graph, ValueId x, ValueId weight, const LinearParams& params) {
  return graph.add(op::linear, params, {x, weight, kNewValue})[linear_operand::kY];
}

}  // namespace tamis
