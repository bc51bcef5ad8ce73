// HIP rows of sparse_mla on matrix instructions.
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

constexpr auto kRows = matrix_latent_rows<Op>(
    {"hip.sparse_mla.split_mfma_gfx9_bf16", "hip.sparse_mla.mfma_gfx9_bf16", "tilelang mfma"},
    {"hip.sparse_mla.split_wmma_gfx11_bf16", "hip.sparse_mla.wmma_gfx11_bf16", "wmma"},
    {"hip.sparse_mla.split_wmma_gfx12_bf16", "hip.sparse_mla.wmma_gfx12_bf16", "wmma"});

}  // namespace

std::span<const KernelRow> rows_sparse_mla() { return kRows; }

}  // namespace tamis::hip
