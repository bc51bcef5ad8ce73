// topk_select: per row the k best scores, exactly.
//
//   scores [T, S] f32   row stride may exceed S; row t is read in [ks, ke) only
//   ks     [T] i32      first visible column; absent: 0
//   ke     [T] i32      one past the last visible column; ke <= ks (padding): nothing is visible
//   idx    [T, k] i32   s - ks of the chosen columns (positions in the row's own sequence), ascending,
//                       then -1
//   count  [T] i32      how many were chosen: min(k, ke - ks)
//
// The set is that of the k best by (score descending, index ascending), the order of
// core/numeric/sortable_key.h: -0 equals +0, -inf is a value like any other, NaN ranks below -inf and is
// chosen only when fewer than k better ones are visible. No tolerance: given equal scores every row, on any
// device, under any batch, split or tiling, gives these indices. Exact ties are common, not exotic: every key
// whose head dots are all <= 0 scores exactly 0. [ks, ke) is cut to [0, S). FLOPs 0; bytes: the scores once.
// Source: DeepSeek-V3.2 inference/model.py (Indexer: topk), with the tie order that torch.topk leaves open.
#pragma once

#include "core/graph/graph.h"
#include "core/ops/ops.h"

namespace tamis {

namespace op {
extern const OpDef topk_select;
}

struct TopkSelectParams {
  std::int32_t k = 2048;
};

namespace topk_select_operand {
enum : int { kScores, kKs, kKe, kIdx, kCount };
}

inline NodeValues add_topk_select(Graph& graph, ValueId scores, ValueId ks, ValueId ke,
                                  const TopkSelectParams& params) {
  return graph.add(op::topk_select, params, {scores, ks, ke, kNewValue, kNewValue});
}

}  // namespace tamis
