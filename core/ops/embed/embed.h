// embed: y[t] = table[ids[t]].
//
//   ids   [T]     i32; an id outside [0, V) (padding tokens have -1) gives a row of zeros
//   table [V, H]  weight: f32, bf16, f16 or e4m3 with block scales
//   y     [T, H]  params.out: f32, bf16 or f16
//
// One rounding, to y; exact when out holds the table's values. FLOPs 0. Bytes: the T rows that are read, not
// the table.
#pragma once

#include "core/graph/graph.h"
#include "core/ops/ops.h"

namespace tamis {

namespace op {
extern const OpDef embed;
}

struct EmbedParams {
  DType out = DType::kF32;
};

namespace embed_operand {
enum : int { kIds, kTable, kY };
}

inline ValueId add_embed(Graph& graph, ValueId ids, ValueId table, const EmbedParams& params) {
  return graph.add(op::embed, params, {ids, table, kNewValue})[embed_operand::kY];
}

}  // namespace tamis
