// Kernels of sparse_mla and dense_mla on matrix instructions (contracts: core/ops/sparse_mla/sparse_mla.h,
// core/ops/dense_mla/dense_mla.h).
#pragma once

#include "kernels_gpu/common/latent_attention.h"

namespace tamis::hip {

// C and R of the published models. Queries and output are bf16, the cache is bf16 or packed.
inline constexpr std::int64_t kMatrixLatent = 512, kMatrixRope = 64;

// Heads of a block: kFewHeads of a call with up to kFewHeads * 2 heads, on gfx9 kManyHeads of others.
inline constexpr std::int64_t kFewHeads = 16, kManyHeads = 64;
inline std::int64_t heads_of_mfma_block(std::int64_t heads) {
  return heads > 2 * kFewHeads ? kManyHeads : kFewHeads;
}
inline std::int64_t heads_of_wmma_block(std::int64_t) { return kFewHeads; }

// With a page table dense_mla, else sparse_mla.
gpu::Error launch_latent_mfma_gfx9(const gpu::LatentAttention& args, gpu::Stream stream);
gpu::Error launch_latent_wmma_gfx11(const gpu::LatentAttention& args, gpu::Stream stream);
gpu::Error launch_latent_wmma_gfx12(const gpu::LatentAttention& args, gpu::Stream stream);

}  // namespace tamis::hip
