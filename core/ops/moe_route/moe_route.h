// moe_route: which experts each token visits, and with what weight (DeepSeek-V3's "noaux_tc" gate).
//
//   logits  [T, E]     f32, rows may be strided
//   bias    [E]        f32, optional: e_score_correction_bias
//   slot    [T]        i32, optional: a negative slot marks a padding token
//   ids     [T, topk]  i32, ascending; -1 behind them where fewer than topk experts are left, and for
//                      padding
//   weights [T, topk]  f32, 0 where the id is -1
//
//   p = sigmoid(logits), b = p + bias. Experts lie in n_group equal groups of consecutive ids; the score of a
//   group is the sum of its two largest b (two equal maxima are both counted; a group of one expert has that
//   one's b). The topk_group best groups stay, then the topk experts of largest b in them are chosen. The
//   bias only selects: weight = p / (sum of the chosen p + 1e-20) * scale, or p * scale without norm_topk.
//
// Ties: the lower group, then the lower id. A dropped group is out: its experts rank behind everything, not
// at 0, which would beat a kept expert of negative b. NaN ranks behind every number, -inf included, the lower
// id first; an expert of NaN logit that is chosen all the same (nothing else is left) counts as p = 0.
//
// Numerics: p, b and the group score are each rounded to fp32; p comes from at least 40 good bits (fp64 on
// the CPU), so that logits which saturate tie alike on every backend. Equal logits give equal p. The sum of
// the chosen p is fp32, in ascending id. Shapes: 1 <= topk <= E, E a multiple of n_group. Padding tokens'
// logits may hold anything. Source: DeepSeek-V3 inference/model.py (Gate); the -inf of dropped groups as in
// DeepSeek's code (transformers masked them to 0 until PR 45441).
#pragma once

#include "core/graph/graph.h"
#include "core/ops/ops.h"

namespace tamis {

namespace op {
extern const OpDef moe_route;
}

struct MoeRouteParams {
  std::int32_t topk = 0;
  std::int32_t n_group = 1;
  std::int32_t topk_group = 1;
  bool norm_topk = true;
  float scale = 1.0f;
};

namespace moe_route_operand {
enum : int { kLogits, kBias, kSlot, kIds, kWeights };
}

// Read kIds and kWeights of the result. `bias` and `slot` may be kNoValue.
inline NodeValues add_moe_route(Graph& graph, ValueId logits, ValueId bias, ValueId slot,
                                const MoeRouteParams& params) {
  return graph.add(op::moe_route, params, {logits, bias, slot, kNewValue, kNewValue});
}

}  // namespace tamis
