// What the rows of indexer_topk share: a kernel that scores a chunk of keys of some tokens, then one that
// keeps the best of it, and so on. Memory and the number of launches that wait for each other do not grow
// with the keys a token may see beyond a chunk.
#pragma once

#include "core/ops/indexer_topk/indexer_topk.h"

#include <algorithm>

#include "backends/gpu/operands.h"
#include "kernels_gpu/indexer_scores/launch.h"
#include "kernels_gpu/indexer_topk/launch.h"

namespace tamis::gpu {

// 16 MB of scores. A chunk of one token is 512 blocks of scoring; 128 tokens are as many blocks of selection,
// about a large device's units.
inline constexpr std::int64_t kChunkKeys = 1 << 15;
inline constexpr std::int64_t kChunkTokens = 128;

inline Reason accepts_topk(const OpCall& call) {
  const std::int64_t max_keys = call.as<IndexerTopkParams>().max_keys;
  return max_keys <= 0x7fffffff ? accept() : reason::size("max_keys", max_keys, "up to 2^31 - 1");
}

// Scores [tokens, keys] of a chunk, then those of its tokens' best so far [tokens, k].
struct TopkChunk {
  std::int64_t tokens, keys, k;

  explicit TopkChunk(const OpCall& call)
      : tokens(std::min(kChunkTokens, call[indexer_topk_operand::kQ].desc.dim(0))),
        keys(std::min(kChunkKeys, call.as<IndexerTopkParams>().max_keys)),
        k(call.as<IndexerTopkParams>().k) {}
  std::int64_t bytes() const { return 4 * tokens * (keys + k); }
};

inline std::int64_t topk_workspace(const DeviceInfo&, const OpCall& call) { return TopkChunk(call).bytes(); }

inline IndexerScores topk_score_arguments(const OpCall& call) {
  using namespace indexer_topk_operand;
  const auto& params = call.as<IndexerTopkParams>();
  const TensorDesc& q = call[kQ].desc;
  return {.q = vectors_of(call[kQ]),
          .w = rows_of(call[kWeights]),
          .q_scale = rows_of(call[kQScale]),
          .scale = params.scale,
          .keys = index_cache_of(call[kKeys], params.format, params.page_size, q.dim(2)),
          .table = page_table_of(call[kPageTable], params.page_size),
          .sequence = ints_of(call[kSeqOfToken]),
          .ke = ints_of(call[kKe]),
          .heads = q.dim(1),
          .max_keys = params.max_keys,
          .min_keys = params.k + std::int64_t{1}};
}

inline KeepBest keep_best_arguments(const OpCall& call) {
  using namespace indexer_topk_operand;
  const auto& params = call.as<IndexerTopkParams>();
  return {.idx = ints_of(call[kIdx]),
          .count = ints_of(call[kCount]),
          .slots = ints_of(call[kSlots]),
          .ke = ints_of(call[kKe]),
          .sequence = ints_of(call[kSeqOfToken]),
          .table = page_table_of(call[kPageTable], params.page_size),
          .k = params.k,
          .max_keys = params.max_keys};
}

// `score` submits the scores of a chunk: Status(GpuQueue&, const IndexerScores&); `keep` is the launch that
// keeps the best of it.
template <auto score, auto keep = &launch_keep_best>
Status launch_chunks(Queue& queue, const OpCall& call, const Scratch& scratch) {
  using namespace indexer_topk_operand;
  auto& gpu_queue = static_cast<GpuQueue&>(queue);
  const TopkChunk chunk(call);
  IndexerScores scoring = topk_score_arguments(call);
  KeepBest selection = keep_best_arguments(call);
  scoring.scores = reinterpret_cast<float*>(address_of(scratch.workspace, scratch.workspace_offset));
  scoring.scores_stride = selection.scores_stride = chunk.keys;
  selection.scores = scoring.scores;
  selection.best = scoring.scores + chunk.tokens * chunk.keys;
  const std::int64_t tokens = call[kQ].desc.dim(0), max_keys = scoring.max_keys;
  for (std::int64_t token = 0; token < tokens; token += chunk.tokens) {
    scoring.first_token = selection.first_token = token;
    scoring.tokens = selection.tokens = std::min(chunk.tokens, tokens - token);
    for (std::int64_t key = 0; key < max_keys; key += chunk.keys) {
      scoring.first_key = selection.first_key = key;
      scoring.keys_count = selection.keys_count = std::min(chunk.keys, max_keys - key);
      TAMIS_RETURN_IF_ERROR(score(gpu_queue, scoring));
      TAMIS_RETURN_IF_ERROR(gpu_queue.submit("indexer_topk", keep, selection));
    }
  }
  return {};
}

}  // namespace tamis::gpu
