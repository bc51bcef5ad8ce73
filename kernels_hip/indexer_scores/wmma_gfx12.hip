// indexer_scores on RDNA 4 (kernels_hip/indexer_scores/tile.h). Waves of 32 hold 32 keys each.
// Not run on a card.
#include "kernels_hip/indexer_scores/tile.h"

namespace tamis::hip {

gpu::Error launch_indexer_scores_wmma_gfx12(const MatrixScores& args, gpu::Stream stream) {
  return launch_matrix_scores<WmmaGfx12Bf16>(args, stream);
}

}  // namespace tamis::hip
