// rope: rotates dimensions [begin, begin + R) of every head by the token's position; the other dimensions are
// copied.
//
//   x         [T, h, D] or [T, D]  f32, bf16 or f16, leading dimensions may be strided
//   positions [T]                  i32
//   inv_freq  [R / 2]              f32, radians per position; R is twice its size
//   y         shape and dtype of x
//
// Pair i, (a, b), becomes (a cos θ - b sin θ, b cos θ + a sin θ) · magnitude with θ = float(position) ·
// inv_freq[i]. The product θ is rounded to fp32: at position 1.6e5 that decides the third decimal of cos θ,
// so it is part of the contract. cos and sin are those of that θ to fp32 accuracy, with exact range
// reduction. fp32, one rounding, to y. The pair layout of the input stays: RopePairing says which elements
// are a pair, and both go back to where they were. FLOPs 3 T h R. Source: DeepSeek-V3.2 inference/model.py
// (apply_rotary_emb, interleaved and not).
#pragma once

#include "core/graph/graph.h"
#include "core/ops/ops.h"

namespace tamis {

namespace op {
extern const OpDef rope;
}

struct RopeParams {
  RopePairing pairing = RopePairing::kInterleaved;
  std::int32_t begin = 0;
  float magnitude = 1.0f;  // YaRN's multiplier of cos and sin; 1 in the published models
};

namespace rope_operand {
enum : int { kX, kPositions, kInvFreq, kY };
}

inline ValueId add_rope(Graph& graph, ValueId x, ValueId positions, ValueId inv_freq,
                        const RopeParams& params) {
  return graph.add(op::rope, params, {x, positions, inv_freq, kNewValue})[rope_operand::kY];
}

}  // namespace tamis
