// Kernels of moe_grouped_gemm on matrix instructions (contract:
// core/ops/moe_grouped_gemm/moe_grouped_gemm.h); linear is one expert with all rows.
#pragma once

#include "kernels_gpu/moe_grouped_gemm/launch.h"

namespace tamis::hip {

// w is in the layout row_scales, x bf16 or e4m3 codes with scales, k a multiple of 128, and an expert's
// weight at most kMatrixWeightBytes. offsets null: one expert has all rows.
inline constexpr std::int64_t kMatrixWeightBytes = 0xffffffff;
gpu::Error launch_grouped_gemm_mfma_gfx9(const gpu::GroupedGemm& args, gpu::Stream stream);
gpu::Error launch_grouped_gemm_wmma_gfx11(const gpu::GroupedGemm& args, gpu::Stream stream);
gpu::Error launch_grouped_gemm_wmma_gfx12(const gpu::GroupedGemm& args, gpu::Stream stream);

// The same on instructions of e4m3; x is codes. On gfx942 those of x are Quantize::fnuz, and w is in the
// layout row_scales_fnuz.
gpu::Error launch_grouped_gemm_mfma_gfx942_fp8(const gpu::GroupedGemm& args, gpu::Stream stream);
gpu::Error launch_grouped_gemm_mfma_gfx950_fp8(const gpu::GroupedGemm& args, gpu::Stream stream);
gpu::Error launch_grouped_gemm_wmma_gfx12_fp8(const gpu::GroupedGemm& args, gpu::Stream stream);

}  // namespace tamis::hip
