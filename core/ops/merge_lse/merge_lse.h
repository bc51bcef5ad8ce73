// merge_lse: joins two attention results over disjoint sets of keys.
//
//   a, b         [T, h, D]  f32, bf16 or f16, may differ in dtype and be strided: normalised outputs
//   lse_a, lse_b [T, h]     f32, natural logarithm
//   out          [T, h, D]  dtype of a
//   lse          [T, h]     f32
//
// With m = max(lse_a, lse_b), w_x = exp(lse_x - m) (1 when lse_x equals m, infinities included): out =
// (w_a a + w_b b) / (w_a + w_b), lse = m + log(w_a + w_b). A side whose lse is -inf has no keys and is not
// looked at, whatever it holds; if both are, out is 0 and lse -inf. Never NaN for inputs that are not. fp32,
// one rounding to out. FLOPs 3 T h D. Source: FlashMLA csrc (combine kernel); vLLM
// csrc/attention/merge_attn_states.cu.
#pragma once

#include "core/graph/graph.h"
#include "core/ops/ops.h"

namespace tamis {

namespace op {
extern const OpDef merge_lse;
}

struct MergeLseParams {
  std::uint8_t unused = 0;
};

namespace merge_lse_operand {
enum : int { kA, kLseA, kB, kLseB, kOut, kLse };
}

inline NodeValues add_merge_lse(Graph& graph, ValueId a, ValueId lse_a, ValueId b, ValueId lse_b) {
  return graph.add(op::merge_lse, MergeLseParams{}, {a, lse_a, b, lse_b, kNewValue, kNewValue});
}

}  // namespace tamis
