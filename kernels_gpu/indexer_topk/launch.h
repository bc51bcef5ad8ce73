// Kernels of indexer_topk (contract: core/ops/indexer_topk/indexer_topk.h). Its scores are made by
// launch_indexer_scores, a chunk of keys at a time.
#pragma once

#include "kernels_gpu/common/launch.h"

namespace tamis::gpu {

// Takes the scores of keys [first_key, first_key + keys_count) of some tokens into the best so far, which lie
// in `idx` and `best`; tokens that see no key behind the chunk get their final outputs.
struct KeepBest {
  const float* scores = nullptr;  // of first_token and first_key
  std::int64_t scores_stride = 0;
  float* best = nullptr;  // [tokens, k]: scores of the best so far
  Ints idx, count, slots;
  Ints ke, sequence;  // sequence.data null: 0
  PageTable table;
  std::int64_t k = 0;
  std::int64_t max_keys = 0;
  std::int64_t first_token = 0, tokens = 0;
  std::int64_t first_key = 0, keys_count = 0;
};
Error launch_keep_best(const KeepBest& args, Stream stream);

}  // namespace tamis::gpu
