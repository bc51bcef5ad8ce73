// sparse_mla: absorbed MLA attention of each token over the cache rows that the indexer chose for it.
//
//   q_latent   [T, h, C]   f32, bf16 or f16, may be strided: q_nope times W_UK
//   q_rope     [T, h, R]   f32, bf16 or f16, may be strided
//   cache      [slots, …]  f32, bf16 or packed u8, as kv_store writes it
//   slots      [T, k]      i32 rows of the cache, in any order; -1 and rows past the end are holes,
//                          duplicates count twice
//   length     [T]         i32, optional: entries of slots at or past it are ignored; absent: k
//   sink       [h]         f32 weight, optional
//   out        [T, h, C]   params.out
//   lse        [T, h]      f32
//   max_logits [T, h]      f32, optional
//
// Row s of the cache is both key and value: score = scale (q_latent · latent_s + q_rope · rope_s); out = sum
// of softmax(score)_s latent_s; max_logits = the largest score; lse = log of the sum of exp(score), natural.
// With a sink, exp(sink[h]) joins the denominator of out and the sum under lse. A token without a valid entry
// (padding: all -1) gives out 0, lse -inf and max_logits -inf, with or without sink.
//
// Numerics: fp32 scores, softmax, weights and sums over exactly decoded rows; one rounding, to out. Only
// where out is bf16 may the weights be rounded to bf16, too, after their sum is taken. Rows that no valid
// entry names are never read. FLOPs 2 T h k (2 C + R). Source: FlashMLA flash_mla_interface.py
// (flash_mla_sparse_fwd, whose lse leaves the sink out and is +inf for an empty row); DeepSeek-V3.2
// inference/model.py.
#pragma once

#include "core/graph/graph.h"
#include "core/ops/ops.h"

namespace tamis {

namespace op {
extern const OpDef sparse_mla;
}

struct SparseMlaParams {
  KvFormat format = KvFormat::kPlain;
  std::int32_t c = 0;
  std::int32_t r = 0;
  float scale = 1.0f;
  DType out = DType::kF32;
};

namespace sparse_mla_operand {
enum : int { kQLatent, kQRope, kCache, kSlots, kLength, kSink, kOut, kLse, kMaxLogits };
}

// length and sink may be kNoValue; max_logits is not asked for.
inline NodeValues add_sparse_mla(Graph& graph, ValueId q_latent, ValueId q_rope, ValueId cache, ValueId slots,
                                 ValueId length, ValueId sink, const SparseMlaParams& params) {
  return graph.add(op::sparse_mla, params,
                   {q_latent, q_rope, cache, slots, length, sink, kNewValue, kNewValue, kNoValue});
}

}  // namespace tamis
