// rms_norm: y = weight · x · (mean(x²) + eps)^-1/2, over the last dimension.
//
//   x      [T, H]  f32, bf16 or f16, rows may be strided
//   weight [H]     f32; no +1 is added
//   y      [T, H]  params.out: f32, bf16 or f16
//
// fp32 throughout, one rounding, to y (not one after the normalisation and one after the weight). |x| < 1e18,
// where the fp32 squares overflow. A row of zeros gives zeros. FLOPs 4 T H. Source: DeepSeek-V3.2
// inference/model.py (RMSNorm).
#pragma once

#include "core/graph/graph.h"
#include "core/ops/ops.h"

namespace tamis {

namespace op {
extern const OpDef rms_norm;
}

struct RmsNormParams {
  float eps = 1e-6f;
  DType out = DType::kF32;
};

namespace rms_norm_operand {
enum : int { kX, kWeight, kY };
}

inline ValueId add_rms_norm(Graph& graph, ValueId x, ValueId weight, const RmsNormParams& params) {
  return graph.add(op::rms_norm, params, {x, weight, kNewValue})[rms_norm_operand::kY];
}

}  // namespace tamis
