// mha_prefill: expanded ("form A") causal attention of each token over contiguous keys of its own sequence.
//
//   q_nope       [T, h, dn]  f32, bf16 or f16, may be strided
//   q_rope       [T, h, R]   f32, bf16 or f16, may be strided
//   k_nope       [S, h, dn]  f32, bf16 or f16, may be strided (columns of the up-projected latents)
//   k_rope       [S, R]      f32, bf16 or f16, may be strided; one for all heads
//   v            [S, h, dv]  f32, bf16 or f16, may be strided
//   seq_of_token [T]         i32
//   kv_len       [n_seqs]    i32: rows of each sequence; negative counts as 0
//   ke           [T]         i32: visible keys; 0 = padding
//   out          [T, h, dv]  params.out
//   lse          [T, h]      f32, natural logarithm
//
// Sequence s owns the rows start(s) … start(s) + kv_len[s] - 1, start = the sum of the lengths before it
// (kv_gather's order). Token t sees the first ke[t] of them, at most kv_len, and none past S. score = scale
// (q_nope · k_nope + q_rope · k_rope); out = sum of softmax(score) v. A token that sees no key gives out 0
// and lse -inf.
//
// Numerics: fp32 scores, softmax, weights and sums; one rounding, to out. Only where out is
// bf16 may the weights be rounded to bf16, too, after their sum is taken. Rows at or past the largest ke of a
// sequence's tokens are never used; below it they must be finite, since tokens that share a tile multiply
// what they do not see by 0. FLOPs 2 h (dn + R + dv) per visible key; flops() counts the keys of one causal
// sequence, T (S - T) + T (T + 1) / 2. Source: DeepSeek-V3 inference/model.py (MLA, "naive"); FlashMLA
// flash_mla_interface.py (flash_attn_varlen_func).
#pragma once

#include "core/graph/graph.h"
#include "core/ops/ops.h"

namespace tamis {

namespace op {
extern const OpDef mha_prefill;
}

struct MhaPrefillParams {
  float scale = 1.0f;
  DType out = DType::kF32;
};

namespace mha_prefill_operand {
enum : int { kQNope, kQRope, kKNope, kKRope, kV, kSeqOfToken, kKvLen, kKe, kOut, kLse };
}

inline NodeValues add_mha_prefill(Graph& graph, ValueId q_nope, ValueId q_rope, ValueId k_nope,
                                  ValueId k_rope, ValueId v, ValueId seq_of_token, ValueId kv_len, ValueId ke,
                                  const MhaPrefillParams& params) {
  return graph.add(op::mha_prefill, params,
                   {q_nope, q_rope, k_nope, k_rope, v, seq_of_token, kv_len, ke, kNewValue, kNewValue});
}

}  // namespace tamis
