// quantize_group: x = codes · scales, e4m3 codes and one scale per group of the last dimension.
//
//   x      [T, K], or [T, h, D] with group == D   f32, bf16 or f16, leading dimensions may be strided
//   codes  shape of x, e4m3
//   scales [T, ceil(K / group)], or [T, h]        f32 multipliers; the last group of a row may be shorter
//
// scale = activation_scale(amax) of core/numeric/fp8.h: max(amax, 1e-4) / 448, rounded up to a power of two
// if params.pow2. code = e4m3(x / scale), an IEEE fp32 division, clamped, nearest even. Exact: every row
// gives these bits. A NaN does not count for amax and has a NaN code; an infinity makes the group's scale
// infinite. FLOPs 3 per element. Source: DeepSeek-V3.2 inference/kernel.py (act_quant).
#pragma once

#include "core/graph/graph.h"
#include "core/ops/ops.h"

namespace tamis {

namespace op {
extern const OpDef quantize_group;
}

struct QuantizeGroupParams {
  std::int32_t group = 128;
  bool pow2 = true;
};

namespace quantize_group_operand {
enum : int { kX, kCodes, kScales };
}

inline NodeValues add_quantize_group(Graph& graph, ValueId x, const QuantizeGroupParams& params) {
  return graph.add(op::quantize_group, params, {x, kNewValue, kNewValue});
}

}  // namespace tamis
