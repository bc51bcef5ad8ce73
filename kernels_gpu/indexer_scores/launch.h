// Kernels of indexer_scores (contract: core/ops/indexer_scores/indexer_scores.h).
#pragma once

#include "kernels_gpu/common/launch.h"

namespace tamis::gpu {

struct IndexerScores {
  Vectors q;
  Rows w, q_scale;  // f32; q_scale.data null: 1
  float scale = 1;
  // Keys: a cache, its page table and each token's sequence (null: 0), or rows. Ragged rows are a cache whose
  // slots are the key rows, with scales of their own.
  IndexCache keys;
  const float* key_scale = nullptr;  // ragged; null: 1
  bool paged = true;
  PageTable table;
  Ints sequence, ks, ke;  // ks.data null: 0
  std::int64_t heads = 0;
  std::int64_t max_keys = 0;
  // A launch scores columns [first_key, first_key + keys_count) of tokens [first_token, first_token +
  // tokens); `scores` is the score of the first. Tokens that see fewer than min_keys keys are passed over.
  std::int64_t first_token = 0, tokens = 0;
  std::int64_t first_key = 0, keys_count = 0;
  std::int64_t min_keys = 0;
  float* scores = nullptr;
  std::int64_t scores_stride = 0;
};
Error launch_indexer_scores(const IndexerScores& args, Stream stream);

}  // namespace tamis::gpu
