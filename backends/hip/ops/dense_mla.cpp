// HIP rows of dense_mla on matrix instructions. The split rows deal the keys of a token to several blocks;
// how many depends on the number of tokens, so their sums do, too.
#include "backends/gpu/dense_mla.h"

#include "backends/hip/matrix_attention.h"

namespace tamis::hip {
namespace {

using namespace dense_mla_operand;

struct Op : gpu::DenseMlaCall {
  static Reason accepts(const DeviceInfo&, const OpCall& call) {
    return accepts_matrix_latent(arguments(call), call[kQLatent], call[kQRope], call[kOut]);
  }
};

constexpr KernelRow kRows[] = {
    matrix_split_row<Op, &launch_latent_mfma_gfx9, &heads_of_mfma_block>(
        {"hip.dense_mla.split_mfma_gfx9_bf16", "aiter mfma", kMfmaGfx9}),
    matrix_whole_row<Op, &launch_latent_mfma_gfx9>({"hip.dense_mla.mfma_gfx9_bf16", "aiter mfma", kMfmaGfx9}),
    matrix_split_row<Op, &launch_latent_wmma_gfx11, &heads_of_wmma_block>(
        {"hip.dense_mla.split_wmma_gfx11_bf16", "triton wmma", kWmmaGfx11}),
    matrix_whole_row<Op, &launch_latent_wmma_gfx11>(
        {"hip.dense_mla.wmma_gfx11_bf16", "triton wmma", kWmmaGfx11}),
    matrix_split_row<Op, &launch_latent_wmma_gfx12, &heads_of_wmma_block>(
        {"hip.dense_mla.split_wmma_gfx12_bf16", "triton wmma", kWmmaGfx12}),
    matrix_whole_row<Op, &launch_latent_wmma_gfx12>(
        {"hip.dense_mla.wmma_gfx12_bf16", "triton wmma", kWmmaGfx12}),
};

}  // namespace

std::span<const KernelRow> rows_dense_mla() { return kRows; }

}  // namespace tamis::hip
