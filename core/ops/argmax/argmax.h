// argmax: the greedy token of each row.
//
//   logits [n, V]  f32, bf16 or f16, rows may be strided; V >= 1
//   token  [n]     i32: the index of the largest logit
//
// Exact. The lowest index wins ties, -0 equals +0, -inf is an ordinary value, NaN never wins; a row of NaN
// gives 0.
#pragma once

#include "core/graph/graph.h"
#include "core/ops/ops.h"

namespace tamis {

namespace op {
extern const OpDef argmax;
}

struct ArgmaxParams {
  std::uint8_t unused = 0;
};

namespace argmax_operand {
enum : int { kLogits, kToken };
}

inline ValueId add_argmax(Graph& graph, ValueId logits, const ArgmaxParams& params = {}) {
  return graph.add(op::argmax, params, {logits, kNewValue})[argmax_operand::kToken];
}

}  // namespace tamis
