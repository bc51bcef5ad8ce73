// HIP rows of sparse_mla on matrix instructions. The split rows deal the keys of a token to several blocks;
// how many depends on the number of tokens, so their sums do, too.
#include "backends/gpu/sparse_mla.h"

#include "backends/hip/matrix_attention.h"

namespace tamis::hip {
namespace {

using namespace sparse_mla_operand;

struct Op : gpu::SparseMlaCall {
  static Reason accepts(const DeviceInfo&, const OpCall& call) {
    return accepts_matrix_latent(arguments(call), call[kQLatent], call[kQRope], call[kOut]);
  }
};

constexpr KernelRow kRows[] = {
    matrix_split_row<Op, &launch_latent_mfma_gfx9, &heads_of_mfma_block>(
        {"hip.sparse_mla.split_mfma_gfx9_bf16", "tilelang mfma", kMfmaGfx9}),
    matrix_whole_row<Op, &launch_latent_mfma_gfx9>(
        {"hip.sparse_mla.mfma_gfx9_bf16", "tilelang mfma", kMfmaGfx9}),
    matrix_split_row<Op, &launch_latent_wmma_gfx11, &heads_of_wmma_block>(
        {"hip.sparse_mla.split_wmma_gfx11_bf16", "wmma", kWmmaGfx11}),
    matrix_whole_row<Op, &launch_latent_wmma_gfx11>({"hip.sparse_mla.wmma_gfx11_bf16", "wmma", kWmmaGfx11}),
    matrix_split_row<Op, &launch_latent_wmma_gfx12, &heads_of_wmma_block>(
        {"hip.sparse_mla.split_wmma_gfx12_bf16", "wmma", kWmmaGfx12}),
    matrix_whole_row<Op, &launch_latent_wmma_gfx12>({"hip.sparse_mla.wmma_gfx12_bf16", "wmma", kWmmaGfx12}),
};

}  // namespace

std::span<const KernelRow> rows_sparse_mla() { return kRows; }

}  // namespace tamis::hip
