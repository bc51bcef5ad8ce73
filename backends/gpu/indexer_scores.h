// A call of indexer_scores as its kernels take it.
#pragma once

#include "core/ops/indexer_scores/indexer_scores.h"

#include "backends/gpu/operands.h"
#include "kernels_gpu/indexer_scores/launch.h"

namespace tamis::gpu {

// Ragged key rows as a cache whose slots they are.
inline IndexCache index_keys_of(const OpCall& call) {
  using namespace indexer_scores_operand;
  const auto& params = call.as<IndexerScoresParams>();
  const Tensor& keys = call[kKeys];
  const std::int64_t dim = call[kQ].desc.dim(2);
  if (params.paged) return index_cache_of(keys, params.format, params.page_size, dim);
  return {.data = data<std::byte>(keys),
          .stride = keys.desc.stride(0),
          .slots = keys.desc.dim(0),
          .dim = dim,
          .element = element_of(keys.desc.dtype)};
}

inline IndexerScores indexer_scores_arguments(const OpCall& call) {
  using namespace indexer_scores_operand;
  const auto& params = call.as<IndexerScoresParams>();
  return {.q = vectors_of(call[kQ]),
          .w = rows_of(call[kWeights]),
          .q_scale = rows_of(call[kQScale]),
          .scale = params.scale,
          .keys = index_keys_of(call),
          .key_scale = data<float>(call[kKeyScale]),
          .paged = params.paged,
          .table = page_table_of(call[kPageTable], params.page_size),
          .sequence = ints_of(call[kSeqOfToken]),
          .ks = ints_of(call[kKs]),
          .ke = ints_of(call[kKe]),
          .heads = call[kQ].desc.dim(1),
          .max_keys = params.max_keys,
          .tokens = call[kQ].desc.dim(0),
          .keys_count = params.max_keys,
          .scores = data<float>(call[kScores]),
          .scores_stride = call[kScores].desc.stride(0)};
}

}  // namespace tamis::gpu
