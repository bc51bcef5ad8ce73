// Kernels of indexer_scores on matrix instructions (contract: core/ops/indexer_scores/indexer_scores.h).
#pragma once

#include "kernels_gpu/indexer_scores/launch.h"

namespace tamis::hip {

inline constexpr std::int64_t kMatrixMaxDim = 128;

// Queries and keys are both bf16 or both e4m3, of at most kMatrixMaxDim dimensions, a multiple of 16.
struct MatrixScores {
  gpu::IndexerScores scores;
  std::int64_t together = 1;  // neighbouring tokens that a block scores against the keys it holds
};

gpu::Error launch_indexer_scores_mfma_gfx9(const MatrixScores& args, gpu::Stream stream);
gpu::Error launch_indexer_scores_wmma_gfx11(const MatrixScores& args, gpu::Stream stream);
gpu::Error launch_indexer_scores_wmma_gfx12(const MatrixScores& args, gpu::Stream stream);

}  // namespace tamis::hip
