// moe_grouped_gemm and linear on RDNA 3 (kernels_hip/moe_grouped_gemm/tile.h). Not run on a card.
#include "kernels_hip/moe_grouped_gemm/tile.h"

namespace tamis::hip {

gpu::Error launch_grouped_gemm_wmma_gfx11(const gpu::GroupedGemm& args, gpu::Stream stream) {
  return launch_matrix_product<WmmaGfx11F16, WmmaGfx11Bf16>(args, stream);
}

}  // namespace tamis::hip
