// moe_grouped_gemm and linear on CDNA: gfx90a, gfx942, gfx950 (kernels_hip/moe_grouped_gemm/tile.h). Not run
// on a card.
#include "kernels_hip/moe_grouped_gemm/tile.h"

namespace tamis::hip {

gpu::Error launch_grouped_gemm_mfma_gfx9(const gpu::GroupedGemm& args, gpu::Stream stream) {
  return launch_matrix_product<Mfma32x32x8F16, Mfma32x32x8Bf16>(args, stream);
}

}  // namespace tamis::hip
