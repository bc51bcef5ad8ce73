// moe_grouped_gemm: each expert's matrix times the rows that moe_permute sorted to it.
//
//   x       [M, K]     f32, bf16 or f16, rows may be strided
//   offsets [E + 1]    i32: rows [offsets[e], offsets[e + 1]) belong to expert e; ascending from 0 to
//                      at most M
//   w       [E, N, K]  weight: f32, bf16, f16 or e4m3 with 128 x 128 block scales (multipliers)
//   y       [M, N]     params.out: f32, bf16 or f16; zero from row offsets[E] on
//
// Numerics: as `linear`, per expert: products and sums in fp32 (a unit that accumulates narrower promotes
// every 128 of K), one rounding to y; act_quant rounds each row of x per 128 columns to e4m3 first. Rows of x
// past offsets[E] are not read. Offsets are not trusted: they are clamped to [0, M] and made ascending. FLOPs
// 2 M N K, of which only the rows before offsets[E] are done. Source: DeepSeek-V3 inference/model.py
// (Expert).
#pragma once

#include "core/graph/graph.h"
#include "core/ops/ops.h"

namespace tamis {

namespace op {
extern const OpDef moe_grouped_gemm;
}

struct MoeGroupedGemmParams {
  ActQuant act_quant = ActQuant::kNone;
  DType out = DType::kF32;
};

namespace moe_grouped_gemm_operand {
enum : int { kX, kOffsets, kWeight, kY };
}

inline ValueId add_moe_grouped_gemm(Graph& graph, ValueId x, ValueId offsets, ValueId weight,
                                    const MoeGroupedGemmParams& params) {
  return graph.add(op::moe_grouped_gemm, params,
                   {x, offsets, weight, kNewValue})[moe_grouped_gemm_operand::kY];
}

}  // namespace tamis
