// cast: y = x in another dtype.
//
//   x  any rank, f32, bf16 or f16, leading dimensions may be strided
//   y  shape of x, params.out: f32, bf16 or f16
//
// One rounding to nearest even: overflow to infinity, NaN stays NaN, -0 stays -0, f16 subnormals are kept.
// FLOPs 0.
#pragma once

#include "core/graph/graph.h"
#include "core/ops/ops.h"

namespace tamis {

namespace op {
extern const OpDef cast;
}

struct CastParams {
  DType out = DType::kF32;
};

namespace cast_operand {
enum : int { kX, kY };
}

inline ValueId add_cast(Graph& graph, ValueId x, const CastParams& params) {
  return graph.add(op::cast, params, {x, kNewValue})[cast_operand::kY];
}

}  // namespace tamis
