// Kernels of indexer_prepare (contract: core/ops/indexer_prepare/indexer_prepare.h).
#pragma once

#include "kernels_gpu/common/launch.h"

namespace tamis::gpu {

inline constexpr std::int64_t kIndexVector = 8192;  // widest vector that local memory holds, 32 KB

struct IndexerPrepare {
  Vectors q, q_out;
  float* q_scale = nullptr;  // [tokens, heads], paged caches only
  Rows k;
  const float* inv_freq = nullptr;
  Ints positions, slot;
  IndexCache cache;
  std::int64_t tokens = 0;
  std::int64_t heads = 0;
  std::int64_t half = 0;  // pairs; they begin at dimension 0
  bool interleaved = false;
  bool pow2 = true;
  float factor = 1;  // of the Hadamard transform: 1 / sqrt(Di)
};
Error launch_indexer_prepare(const IndexerPrepare& args, Stream stream);

}  // namespace tamis::gpu
