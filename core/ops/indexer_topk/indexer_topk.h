// indexer_topk (composite): the k best keys of each token, without a score matrix.
//   = indexer_scores (paged) -> topk_select -> index_to_slot
//
//   q, w, q_scale, keys, seq_of_token, page_table, ke   as in core/ops/indexer_scores/indexer_scores.h, paged
//   idx   [T, k] i32   positions in the token's own sequence, ascending, then -1
//   count [T] i32      min(k, visible keys)
//   slots [T, k] i32   where the cache holds those keys; -1 where idx is -1 or the page is absent
//
// The selection is exact on the fp32 scores, in topk_select's order, and a row's scores are bit for bit those
// of the indexer_scores row of the same families: the composite selects what its decomposition selects. Keys
// are streamed; a row's memory does not grow with max_keys. A token that sees no more than k keys takes all
// of them unscored. FLOPs 2 T max_keys Hi (Di + 1), upper bound of what is visible. Source: DeepSeek-V3.2
// inference/model.py (Indexer).
#pragma once

#include "core/graph/graph.h"
#include "core/ops/ops.h"

namespace tamis {

namespace op {
extern const OpDef indexer_topk;
}

struct IndexerTopkParams {
  IndexFormat format = IndexFormat::kExact;
  std::int32_t page_size = 64;
  std::int32_t k = 2048;
  float scale = 1.0f;
  std::int64_t max_keys = 0;
};

namespace indexer_topk_operand {
enum : int { kQ, kWeights, kQScale, kKeys, kSeqOfToken, kPageTable, kKe, kIdx, kCount, kSlots };
}

struct IndexerTopkInputs {
  ValueId q, w, q_scale = kNoValue;
  ValueId keys;
  ValueId seq_of_token = kNoValue, page_table, ke;
};

inline NodeValues add_indexer_topk(Graph& graph, const IndexerTopkInputs& in,
                                   const IndexerTopkParams& params) {
  return graph.add(op::indexer_topk, params,
                   {in.q, in.w, in.q_scale, in.keys, in.seq_of_token, in.page_table, in.ke, kNewValue,
                    kNewValue, kNewValue});
}

}  // namespace tamis
