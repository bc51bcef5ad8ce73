// sparse_mla and dense_mla on CDNA: gfx90a, gfx942, gfx950 (kernels_hip/sparse_mla/tile.h). Blocks of 64
// heads where a call has more than 32, else of 16. Not run on a card.
#include "kernels_hip/sparse_mla/tile.h"

namespace tamis::hip {

gpu::Error launch_latent_mfma_gfx9(const LatentAttention& args, gpu::Stream stream) {
  if (heads_of_mfma_block(args.heads) == kFewHeads) {
    return launch_matrix_latent<Mfma16x16x16Bf16, 1>(args, stream);
  }
  return launch_matrix_latent<Mfma16x16x16Bf16, 4>(args, stream);
}

}  // namespace tamis::hip
