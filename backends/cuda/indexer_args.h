// What indexer_scores and indexer_topk have in common: which calls a score kernel takes, and its arguments.
#pragma once

#include <span>

#include "backends/cuda/tensor_args.h"
#include "core/ops/ops.h"
#include "kernels_cuda/indexer_scores/launch.h"

namespace tamis::cuda {

// The operands and params of either op. Tensors that an op lacks are absent ones.
struct ScoreCall {
  const Tensor &q, &w, &q_scale;
  const Tensor &keys, &key_scale;
  const Tensor &seq_of_token, &page_table;
  const Tensor &ks, &ke;
  IndexFormat format;
  bool paged;
  std::int64_t page_size;
  float scale;
  std::int64_t max_keys;

  std::int64_t tokens() const { return q.desc.dim(0); }
  bool packed_pages() const { return paged && format == IndexFormat::kFp8Paged; }
  DType key_dtype() const { return packed_pages() ? DType::kE4M3 : keys.desc.dtype; }
};

Reason accepts_wgmma(const ScoreCall& call);
// The same calls.
Reason accepts_mma_fp8(const DeviceInfo& device, const ScoreCall& call);
Reason accepts_mma(const ScoreCall& call);

// Few tokens of each sequence: they gain nothing from sharing key tiles, and keys are split between blocks
// alone.
bool few_tokens(const ScoreCall& call);

// Everything but the scores; all tokens of the call.
IndexerScoresArgs score_args(const ScoreCall& call, int multiprocessors);

}  // namespace tamis::cuda
