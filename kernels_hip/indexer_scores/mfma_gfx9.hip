// indexer_scores on CDNA: gfx90a, gfx942, gfx950 (kernels_hip/indexer_scores/tile.h). Waves of 64 hold 64
// keys each. Not run on a card.
#include "kernels_hip/indexer_scores/tile.h"

namespace tamis::hip {

gpu::Error launch_indexer_scores_mfma_gfx9(const MatrixScores& args, gpu::Stream stream) {
  return launch_matrix_scores<Mfma32x32x8Bf16>(args, stream);
}

}  // namespace tamis::hip
