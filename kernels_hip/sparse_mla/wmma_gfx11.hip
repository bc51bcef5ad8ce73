// sparse_mla and dense_mla on RDNA 3 (kernels_hip/sparse_mla/tile.h). Blocks of 16 heads. Not run on a card.
#include "kernels_hip/sparse_mla/tile.h"

namespace tamis::hip {

gpu::Error launch_latent_wmma_gfx11(const LatentAttention& args, gpu::Stream stream) {
  return launch_matrix_latent<WmmaGfx11Bf16, 1>(args, stream);
}

}  // namespace tamis::hip
