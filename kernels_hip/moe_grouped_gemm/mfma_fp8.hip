// moe_grouped_gemm and linear on the FP8 of CDNA 3 and 4 (kernels_hip/moe_grouped_gemm/fp8_tile.h): one
// kernel for gfx942, where a code means half as much as on gfx950. Not run on a card.
#include "kernels_hip/moe_grouped_gemm/fp8_tile.h"

namespace tamis::hip {

gpu::Error launch_grouped_gemm_mfma_gfx942_fp8(const gpu::GroupedGemm& args, gpu::Stream stream) {
  return launch_fp8_product<Mfma32x32x16Fp8>({args, 4}, stream);
}

gpu::Error launch_grouped_gemm_mfma_gfx950_fp8(const gpu::GroupedGemm& args, gpu::Stream stream) {
  return launch_fp8_product<Mfma32x32x16Fp8>({args, 1}, stream);
}

}  // namespace tamis::hip
