// CUDA rows of dense_mla: the tensor-core kernels of sparse_mla over the slots that a token sees. Listing
// them is one small launch, 4 bytes a key next to a row of 656 or 1152.
#include "core/ops/dense_mla/dense_mla.h"

#include "backends/cuda/latent_attention.h"
#include "kernels_cuda/dense_mla/launch.h"

namespace tamis::cuda {
namespace {

using namespace dense_mla_operand;
using namespace latent;

const Tensor kAbsent;

LatentCall operands(const OpCall& call) {
  const auto& p = call.as<DenseMlaParams>();
  return {.q_latent = call[kQLatent],
          .q_rope = call[kQRope],
          .cache = call[kCache],
          .slots = kAbsent,
          .length = kAbsent,
          .sink = kAbsent,
          .out = call[kOut],
          .lse = call[kLse],
          .max_logits = kAbsent,
          .format = p.format,
          .c = p.c,
          .r = p.r,
          .scale = p.scale,
          .keys = call[kPageTable].desc.dim(1) * p.page_size};
}

cudaError_t make_slots(const OpCall& call, const SlotRoom& room, cudaStream_t stream) {
  const auto from_first = [&](int i) {
    gpu::Ints ints = gpu::ints_of(call[i]);
    ints.data += room.first * ints.stride;
    return ints;
  };
  const std::int64_t page_size = call.as<DenseMlaParams>().page_size;
  return dense_mla_slots({.table = gpu::page_table_of(call[kPageTable], page_size),
                          .sequence = from_first(kSeqOfToken),
                          .ke = from_first(kKe),
                          .slots = room.slots,
                          .length = room.length,
                          .tokens = room.tokens,
                          .keys = static_cast<int>(operands(call).keys)},
                         stream);
}

// Families of decode: FlashMLA's, and what engines take by default from SM80 to SM120. Fixed parts of 512
// keys put one token of 4096 keys and 128 heads on 16 blocks, and write and read as much of partial sums as
// they gather of packed rows.
constexpr const char kFamilies[] = "flashmla fa3 trtllm_mla cutlass_mla flashinfer triton";
constexpr LatentOp kDense{.name = "dense_mla",
                          .families = {kFamilies, kFamilies},
                          .fixed_keys = 512,
                          .call = operands,
                          .make_slots = make_slots};

constexpr auto kRows = latent_rows<kDense>(
    {"cuda.dense_mla.split_mma_sm80_h16_bf16", "cuda.dense_mla.split_wgmma_sm90_h64_bf16",
     "cuda.dense_mla.split_mma_sm90_h64_bf16", "cuda.dense_mla.split_mma_sm80_h64_bf16",
     "cuda.dense_mla.split_mma_sm80_h16_fp8", "cuda.dense_mla.split_wgmma_sm90_h64_fp8",
     "cuda.dense_mla.split_mma_sm90_h64_fp8", "cuda.dense_mla.split_mma_sm80_h64_fp8",
     "cuda.dense_mla.invariant_mma_sm80_h16_bf16", "cuda.dense_mla.invariant_wgmma_sm90_h64_bf16",
     "cuda.dense_mla.invariant_mma_sm90_h64_bf16", "cuda.dense_mla.invariant_mma_sm80_h64_bf16",
     "cuda.dense_mla.invariant_mma_sm80_h16_fp8", "cuda.dense_mla.invariant_wgmma_sm90_h64_fp8",
     "cuda.dense_mla.invariant_mma_sm90_h64_fp8", "cuda.dense_mla.invariant_mma_sm80_h64_fp8"});

}  // namespace

std::span<const KernelRow> rows_dense_mla() { return kRows; }

}  // namespace tamis::cuda
