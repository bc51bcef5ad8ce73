// silu_mul: y = silu(gate) · up, silu(g) = g / (1 + e^-g). The activation of a gated MLP.
//
//   x [T, 2 I]  f32, bf16 or f16, rows may be strided; columns [0, I) are the gate, [I, 2 I) up
//   y [T, I]    dtype of x
//
// fp32, one rounding, to y (silu(gate) is not rounded on its own). FLOPs 5 T I.
// Source: DeepSeek-V3.2 inference/model.py (MLP, Expert).
#pragma once

#include "core/graph/graph.h"
#include "core/ops/ops.h"

namespace tamis {

namespace op {
extern const OpDef silu_mul;
}

struct SiluMulParams {
  std::uint8_t unused = 0;
};

namespace silu_mul_operand {
enum : int { kX, kY };
}

inline ValueId add_silu_mul(Graph& graph, ValueId x) {
  return graph.add(op::silu_mul, SiluMulParams{}, {x, kNewValue})[silu_mul_operand::kY];
}

}  // namespace tamis
