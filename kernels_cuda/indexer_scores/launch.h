// Launches of indexer_scores; contract in core/ops/indexer_scores/indexer_scores.h. indexer_topk scores its
// chunks with them too, so that both ops see the same bits.
#pragma once

#include <cuda_runtime_api.h>

#include <cstdint>

#include "kernels_cuda/common/matrix.h"

namespace tamis::cuda {

struct IndexerScoresArgs {
  const std::uint8_t* q;  // [tokens, heads, dim] of q_type; strides in elements
  Element q_type;
  std::int64_t q_token_stride;
  std::int64_t q_head_stride;
  const float* w;  // [tokens, heads]
  std::int64_t w_stride;
  const float* q_scale;  // [tokens, heads]; null: 1
  std::int64_t q_scale_stride;
  // Packed pages: page_size keys of dim codes, then their scales, key_stride from page to page. Otherwise
  // rows, of slots or ragged keys.
  const std::uint8_t* keys;
  Element key_type;
  bool packed_pages;
  std::int64_t key_stride;  // bytes
  std::int64_t key_count;   // pages, or rows
  std::int64_t page_size;
  const float* key_scale;            // ragged, [rows]; null: 1
  const std::int32_t* seq_of_token;  // null: 0
  const std::int32_t* page_table;    // null: ragged
  std::int64_t page_table_stride;
  std::int64_t sequences;
  std::int64_t pages_per_sequence;
  const std::int32_t* ks;  // ragged; null: 0
  const std::int32_t* ke;
  float* scores;  // row of token t: scores + (t - first_token) * score_stride
  std::int64_t score_stride;
  std::int64_t first_token;
  std::int64_t end_token;
  std::int64_t tokens;  // of q
  int heads;
  int dim;
  float scale;
  std::int64_t max_keys;
  std::int64_t end_column;  // of what can be there: max_keys, or the ragged rows if there are fewer
  std::int64_t min_keys;    // tokens that see fewer keys are passed over
  bool fill;                // -inf outside the visible
  int units;                // multiprocessors
};

// Any head count, dim up to kMmaMaxDim, e4m3 or bf16 on either side, any page size.
inline constexpr int kMmaMaxDim = 128;
cudaError_t indexer_scores_mma(const IndexerScoresArgs& args, cudaStream_t stream);

// e4m3 on both sides, dim 128, heads 32 or 64, packed pages of 64 keys or ragged rows; Hopper only. Prefill:
// neighbouring tokens share each key tile. Decode: a token a tile.
cudaError_t indexer_scores_wgmma_prefill(const IndexerScoresArgs& args, cudaStream_t stream);
cudaError_t indexer_scores_wgmma_decode(const IndexerScoresArgs& args, cudaStream_t stream);
// The same calls by mma.sync: compiled for sm_89 and, as PTX, for later.
cudaError_t indexer_scores_mma_fp8(const IndexerScoresArgs& args, cudaStream_t stream);

}  // namespace tamis::cuda
