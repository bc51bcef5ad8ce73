// batched_linear: one small linear per head, y[t, h] = quant(x[t, h]) · W[h]. MLA's absorbed projections: the
// query into the latent space (W_UK, [h, K, N]) and the latent output back to values (W_UV, [h, N, K]).
//
//   x [T, h, K]  f32, bf16 or f16, leading dimensions may be strided
//   w [h, N, K]  weight (y = x · Wᵀ), or [h, K, N] if params.w_is_kn (y = x · W): f32, bf16, f16 or e4m3
//   y [T, h, N]  params.out: f32, bf16 or f16
//
// w is usually cut into one piece per head: rows of kv_b, whose scale blocks need not begin where a head
// begins. Numerics, act_quant (along K, per token and head) and padding as in linear. FLOPs 2 T h N K.
// Source: DeepSeek-V3.2 inference/model.py (MLA.forward, wkv_b).
#pragma once

#include "core/graph/graph.h"
#include "core/ops/ops.h"

namespace tamis {

namespace op {
extern const OpDef batched_linear;
}

struct BatchedLinearParams {
  bool w_is_kn = false;
  ActQuant act_quant = ActQuant::kNone;
  DType out = DType::kF32;
};

namespace batched_linear_operand {
enum : int { kX, kWeight, kY };
}

inline ValueId add_batched_linear(Graph& graph, ValueId x, ValueId weight,
                                  const BatchedLinearParams& params) {
  return graph.add(op::batched_linear, params, {x, weight, kNewValue})[batched_linear_operand::kY];
}

}  // namespace tamis
