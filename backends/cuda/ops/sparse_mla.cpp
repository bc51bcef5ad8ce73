// CUDA rows of sparse_mla: tensor-core kernels for DeepSeek's and GLM's shape, C 512 and R 64. Blocks of 64
// heads where there are many, of 16 where there are few; the tile is the largest that the device's shared
// memory holds.
#include "core/ops/sparse_mla/sparse_mla.h"

#include "backends/cuda/latent_attention.h"

namespace tamis::cuda {
namespace {

using namespace latent;

LatentCall operands(const OpCall& call) {
  using namespace sparse_mla_operand;
  const auto& p = call.as<SparseMlaParams>();
  return {.q_latent = call[kQLatent],
          .q_rope = call[kQRope],
          .cache = call[kCache],
          .slots = call[kSlots],
          .length = call[kLength],
          .sink = call[kSink],
          .out = call[kOut],
          .lse = call[kLse],
          .max_logits = call[kMaxLogits],
          .format = p.format,
          .c = p.c,
          .r = p.r,
          .scale = p.scale,
          .keys = call[kSlots].desc.dim(1)};
}

// Eight fixed parts of a top-2048 put one token of 128 heads on 16 blocks.
constexpr LatentOp kSparse{.name = "sparse_mla",
                           .families = {"flashmla_sparse fa3 trtllm", "flashmla_kv trtllm"},
                           .fixed_keys = 256,
                           .call = operands,
                           .make_slots = nullptr};

constexpr auto kRows = latent_rows<kSparse>(
    {"cuda.sparse_mla.split_mma_sm80_h16_bf16", "cuda.sparse_mla.split_wgmma_sm90_h64_bf16",
     "cuda.sparse_mla.split_mma_sm90_h64_bf16", "cuda.sparse_mla.split_mma_sm80_h64_bf16",
     "cuda.sparse_mla.split_mma_sm80_h16_fp8", "cuda.sparse_mla.split_wgmma_sm90_h64_fp8",
     "cuda.sparse_mla.split_mma_sm90_h64_fp8", "cuda.sparse_mla.split_mma_sm80_h64_fp8",
     "cuda.sparse_mla.invariant_mma_sm80_h16_bf16", "cuda.sparse_mla.invariant_wgmma_sm90_h64_bf16",
     "cuda.sparse_mla.invariant_mma_sm90_h64_bf16", "cuda.sparse_mla.invariant_mma_sm80_h64_bf16",
     "cuda.sparse_mla.invariant_mma_sm80_h16_fp8", "cuda.sparse_mla.invariant_wgmma_sm90_h64_fp8",
     "cuda.sparse_mla.invariant_mma_sm90_h64_fp8", "cuda.sparse_mla.invariant_mma_sm80_h64_fp8"});

}  // namespace

std::span<const KernelRow> rows_sparse_mla() { return kRows; }

}  // namespace tamis::cuda
