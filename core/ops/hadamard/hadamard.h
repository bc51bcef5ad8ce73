// hadamard: y = x · H over the last dimension, H[i, j] = (-1)^popcount(i & j) / sqrt(D). H is symmetric and
// orthogonal: it is its own inverse and leaves q · k as it is. It spreads outliers before index queries and
// keys become e4m3.
//
//   x [T, h, D] or [T, D]  f32, bf16 or f16, leading dimensions may be strided; D a power of two
//   y shape and dtype of x
//
// fp32: log2(D) butterfly stages, one multiplication with 1/sqrt(D) at the end, one rounding. FLOPs T h D
// (log2(D) + 1). Source: DeepSeek-V3.2 inference/model.py (rotate_activation).
#pragma once

#include "core/graph/graph.h"
#include "core/ops/ops.h"

namespace tamis {

namespace op {
extern const OpDef hadamard;
}

struct HadamardParams {
  std::uint8_t unused = 0;
};

namespace hadamard_operand {
enum : int { kX, kY };
}

inline ValueId add_hadamard(Graph& graph, ValueId x) {
  return graph.add(op::hadamard, HadamardParams{}, {x, kNewValue})[hadamard_operand::kY];
}

}  // namespace tamis
