// layer_norm: y = weight · (x - mean(x)) · (var(x) + eps)^-1/2 + bias, over the last dimension. The index
// keys' norm.
//
//   x      [T, H]  f32, bf16 or f16, rows may be strided
//   weight [H]     f32
//   bias   [H]     f32
//   y      [T, H]  params.out: f32, bf16 or f16
//
// var is the biased variance of the centred values (two passes; mean(x²) - mean(x)² cancels when the mean is
// large). fp32 or better, one rounding, to y. A constant row gives the bias. FLOPs 7 T H. Source:
// DeepSeek-V3.2 inference/model.py (LayerNorm, Indexer.k_norm).
#pragma once

#include "core/graph/graph.h"
#include "core/ops/ops.h"

namespace tamis {

namespace op {
extern const OpDef layer_norm;
}

struct LayerNormParams {
  float eps = 1e-6f;
  DType out = DType::kF32;
};

namespace layer_norm_operand {
enum : int { kX, kWeight, kBias, kY };
}

inline ValueId add_layer_norm(Graph& graph, ValueId x, ValueId weight, ValueId bias,
                              const LayerNormParams& params) {
  return graph.add(op::layer_norm, params, {x, weight, bias, kNewValue})[layer_norm_operand::kY];
}

}  // namespace tamis
