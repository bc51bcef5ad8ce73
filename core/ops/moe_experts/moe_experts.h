// moe_experts: the routed experts of one MoE layer, from the router's choice to the layer's output.
//
//   x       [T, H]      f32, bf16 or f16, rows may be strided
//   ids     [T, topk]   i32; outside [0, E), -1 above all: no expert
//   weights [T, topk]   f32; not read where the id is absent
//   w13     [E, 2I, H]  weight: f32, bf16, f16 or e4m3 with 128 x 128 block scales; gate rows first, then up
//   w2      [E, H, I]   weight: likewise
//   shared  [T, H]      f32, bf16 or f16, optional: the shared experts' output
//   out     [T, H]      params.out: f32, bf16 or f16
//
//   out = sum over k of weights[k] * w2[e] · (silu(gate) * up) + shared
//   with (gate, up) = w13[e] · x, e = ids[k]
//
// Decomposition: moe_permute, moe_grouped_gemm (w13), silu_mul, moe_grouped_gemm (w2), moe_combine. Rounding
// points as there: gate and up, their product after silu, and each expert's output are rounded to the dtype
// of x; act_quant rounds x before w13 and the product before w2. The weighted sum is fp32, in k order or in
// ascending id (the same for what moe_route gives), then + shared, one rounding to out. A token without
// experts gives shared, or 0. A value on a rounding boundary may fall either way, so out of 16-bit x differs
// by more than its own rounding: by a step of x's dtype. FLOPs 6 T topk H I. Source: DeepSeek-V3
// inference/model.py (MoE, Expert).
#pragma once

#include "core/graph/graph.h"
#include "core/ops/ops.h"

namespace tamis {

namespace op {
extern const OpDef moe_experts;
}

struct MoeExpertsParams {
  ActQuant act_quant = ActQuant::kNone;
  DType out = DType::kF32;
};

namespace moe_experts_operand {
enum : int { kX, kIds, kWeights, kW13, kW2, kShared, kOut };
}

struct MoeExpertsInputs {
  ValueId x, ids, weights, w13, w2;
  ValueId shared = kNoValue;
};

inline ValueId add_moe_experts(Graph& graph, const MoeExpertsInputs& in, const MoeExpertsParams& params) {
  return graph.add(
      op::moe_experts, params,
      {in.x, in.ids, in.weights, in.w13, in.w2, in.shared, kNewValue})[moe_experts_operand::kOut];
}

}  // namespace tamis
