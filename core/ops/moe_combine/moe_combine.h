// moe_combine: adds up the experts' outputs of each token, and the shared expert's.
//
//   y       [M, H]     f32, bf16 or f16, rows may be strided: the experts' outputs in moe_permute's order
//   row_of  [T, topk]  i32: rows of y; outside [0, M), -1 above all: contributes nothing
//   weights [T, topk]  f32; not read where row_of is absent
//   shared  [T, H]     f32, bf16 or f16, optional
//   out     [T, H]     params.out: f32, bf16 or f16
//
// Numerics: fp32, products and sums in k order from k = 0, then + shared, one rounding to out. A gather, so
// no atomics and no order that depends on timing. A token without rows gives shared, or 0. FLOPs 2 T topk H.
// Source: DeepSeek-V3 inference/model.py (MoE.forward).
#pragma once

#include "core/graph/graph.h"
#include "core/ops/ops.h"

namespace tamis {

namespace op {
extern const OpDef moe_combine;
}

struct MoeCombineParams {
  DType out = DType::kF32;
};

namespace moe_combine_operand {
enum : int { kY, kRowOf, kWeights, kShared, kOut };
}

struct MoeCombineInputs {
  ValueId y, row_of, weights;
  ValueId shared = kNoValue;
};

inline ValueId add_moe_combine(Graph& graph, const MoeCombineInputs& in, const MoeCombineParams& params) {
  return graph.add(op::moe_combine, params,
                   {in.y, in.row_of, in.weights, in.shared, kNewValue})[moe_combine_operand::kOut];
}

}  // namespace tamis
