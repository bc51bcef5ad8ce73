// indexer_scores: the lightning indexer's score of every visible key.
//
//   I[t, s] = k_scale[s] · Σ_h w'[t, h] · relu(q[t, h] · k[s]),   w' = (w · q_scale) · scale
//
//   q            [T, Hi, Di]         f32, bf16, f16 or e4m3; leading dimensions may be strided
//   w            [T, Hi] f32         may be negative, so scores may be
//   q_scale      [T, Hi] f32         of e4m3 queries; absent: 1
//   keys         paged:  the index cache, either format (core/ops/index_k_store/index_k_store.h)
//                ragged: [S, Di] f32, bf16, f16 or e4m3; rows may be strided
//   key_scale    [S] f32             ragged e4m3 keys only; absent: 1
//   seq_of_token [T] i32             paged only; absent: sequence 0
//   page_table   [n_seqs, max_pages] i32  paged only, required there
//   ks           [T] i32             ragged only: first visible row, the first row of the token's
//                                    sequence; absent: 0
//   ke           [T] i32             paged: visible keys are positions [0, ke); ragged: rows [ks, ke);
//                                    0: padding
//   scores       [T, max_keys] f32   columns are positions (paged) or key rows (ragged); -inf outside the
//                                    visible ones
//
// Numerics: fp32 throughout. Rows on FP8 matrix units (accuracy "fp8_unit") sum q[t, h] · k[s] with some 14
// bits: exact for small integers, else within 2^-9 (|I| + rms(I)). ReLU comes before the sum over heads;
// relu(NaN) = 0, as max(x, 0) gives on every device. Scores of a key depend on the query, the key and the
// key's position in its own sequence alone, so chunking a prompt or batching it otherwise gives the same bits
// (rows marked kBatch). A visible key that is not there (beyond the key rows or the page table, on a page
// that is not in the cache) scores -inf. All sizes and offsets are 64-bit: a cache or a score matrix may pass
// 2^31 elements. FLOPs 2 T max_keys Hi (Di + 1), upper bound of what is visible. Source: DeepSeek-V3.2
// inference/{model,kernel}.py (Indexer, fp8_index), DeepGEMM fp8_mqa_logits.
#pragma once

#include "core/graph/graph.h"
#include "core/ops/ops.h"

namespace tamis {

namespace op {
extern const OpDef indexer_scores;
}

struct IndexerScoresParams {
  IndexFormat format = IndexFormat::kExact;  // of the paged cache
  bool paged = true;
  std::int32_t page_size = 64;
  float scale = 1.0f;  // Hi^-1/2 · Di^-1/2 in the published models
  std::int64_t max_keys = 0;
};

namespace indexer_scores_operand {
enum : int { kQ, kWeights, kQScale, kKeys, kKeyScale, kSeqOfToken, kPageTable, kKs, kKe, kScores };
}

struct IndexerScoresInputs {
  ValueId q, w, q_scale = kNoValue;
  ValueId keys, key_scale = kNoValue;
  ValueId seq_of_token = kNoValue, page_table = kNoValue;
  ValueId ks = kNoValue, ke;
};

inline ValueId add_indexer_scores(Graph& graph, const IndexerScoresInputs& in,
                                  const IndexerScoresParams& params) {
  return graph.add(op::indexer_scores, params,
                   {in.q, in.w, in.q_scale, in.keys, in.key_scale, in.seq_of_token, in.page_table, in.ks,
                    in.ke, kNewValue})[indexer_scores_operand::kScores];
}

}  // namespace tamis
