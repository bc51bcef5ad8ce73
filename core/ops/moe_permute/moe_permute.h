// moe_permute: copies each token's row once per chosen expert, sorted by expert.
//
//   x       [T, H]         f32, bf16 or f16, rows may be strided
//   ids     [T, topk]      i32; outside [0, n_experts), -1 above all: no copy
//   xp      [T * topk, H]  dtype of x: rows sorted by (expert, token, k-slot); zero from row offsets[E] on
//   row_of  [T, topk]      i32: the row of xp that holds this copy, -1 for none
//   offsets [E + 1]        i32: expert e owns the rows [offsets[e], offsets[e + 1]); offsets[0] is 0
//
// Exact copies. The order is a function of ids alone, so the same call gives the same rows on every backend.
// An id may stand twice in a token: both copies are made. T * topk < 2^31.
#pragma once

#include "core/graph/graph.h"
#include "core/ops/ops.h"

namespace tamis {

namespace op {
extern const OpDef moe_permute;
}

struct MoePermuteParams {
  std::int32_t n_experts = 0;
};

namespace moe_permute_operand {
enum : int { kX, kIds, kXp, kRowOf, kOffsets };
}

// Read kXp, kRowOf and kOffsets of the result.
inline NodeValues add_moe_permute(Graph& graph, ValueId x, ValueId ids, const MoePermuteParams& params) {
  return graph.add(op::moe_permute, params, {x, ids, kNewValue, kNewValue, kNewValue});
}

}  // namespace tamis
