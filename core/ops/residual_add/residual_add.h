// residual_add: y = x + delta.
//
//   x     [T, H]  f32, bf16 or f16, rows may be strided
//   delta [T, H]  f32, bf16 or f16, may differ from x
//   y     [T, H]  dtype of x
//
// One fp32 addition, one rounding. FLOPs T H.
#pragma once

#include "core/graph/graph.h"
#include "core/ops/ops.h"

namespace tamis {

namespace op {
extern const OpDef residual_add;
}

struct ResidualAddParams {
  std::uint8_t unused = 0;
};

namespace residual_add_operand {
enum : int { kX, kDelta, kY };
}

inline ValueId add_residual_add(Graph& graph, ValueId x, ValueId delta) {
  return graph.add(op::residual_add, ResidualAddParams{}, {x, delta, kNewValue})[residual_add_operand::kY];
}

}  // namespace tamis
