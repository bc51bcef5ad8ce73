// add_rms_norm (composite): sum = x + delta; y = rms_norm(sum). = residual_add, rms_norm.
//
//   x      [T, H]  f32, bf16 or f16, rows may be strided
//   delta  [T, H]  f32, bf16 or f16, may differ from x
//   weight [H]     f32
//   sum    [T, H]  dtype of x
//   y      [T, H]  params.out: f32, bf16 or f16
//
// y is the norm of sum as stored: rounded to the dtype of x first, then widened again. Otherwise as
// residual_add and rms_norm. FLOPs 5 T H.
#pragma once

#include "core/graph/graph.h"
#include "core/ops/ops.h"

namespace tamis {

namespace op {
extern const OpDef add_rms_norm;
}

struct AddRmsNormParams {
  float eps = 1e-6f;
  DType out = DType::kF32;
};

namespace add_rms_norm_operand {
enum : int { kX, kDelta, kWeight, kSum, kY };
}

inline NodeValues add_add_rms_norm(Graph& graph, ValueId x, ValueId delta, ValueId weight,
                                   const AddRmsNormParams& params) {
  return graph.add(op::add_rms_norm, params, {x, delta, weight, kNewValue, kNewValue});
}

}  // namespace tamis
