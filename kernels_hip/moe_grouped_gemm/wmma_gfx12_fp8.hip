// moe_grouped_gemm and linear on the FP8 of RDNA 4 (kernels_hip/moe_grouped_gemm/fp8_tile.h). Not run on a
// card.
#include "kernels_hip/moe_grouped_gemm/fp8_tile.h"

namespace tamis::hip {

gpu::Error launch_grouped_gemm_wmma_gfx12_fp8(const gpu::GroupedGemm& args, gpu::Stream stream) {
  return launch_fp8_product<WmmaGfx12Fp8>({args, 1}, stream);
}

}  // namespace tamis::hip
