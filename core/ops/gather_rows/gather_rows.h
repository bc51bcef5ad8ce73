// gather_rows: y[i] = x[rows[i]]. Picks the tokens whose logits are wanted.
//
//   x    [T, H]  f32, bf16 or f16, rows may be strided
//   rows [n]     i32, any order, duplicates allowed; outside [0, T) gives a row of zeros
//   y    [n, H]  dtype of x
//
// A copy: bit-exact. FLOPs 0. Bytes: the n rows that are read.
#pragma once

#include "core/graph/graph.h"
#include "core/ops/ops.h"

namespace tamis {

namespace op {
extern const OpDef gather_rows;
}

struct GatherRowsParams {
  std::uint8_t unused = 0;
};

namespace gather_rows_operand {
enum : int { kX, kRows, kY };
}

inline ValueId add_gather_rows(Graph& graph, ValueId x, ValueId rows) {
  return graph.add(op::gather_rows, GatherRowsParams{}, {x, rows, kNewValue})[gather_rows_operand::kY];
}

}  // namespace tamis
