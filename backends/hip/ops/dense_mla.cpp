// HIP rows of dense_mla on matrix instructions.
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

constexpr auto kRows = matrix_latent_rows<Op>(
    {"hip.dense_mla.split_mfma_gfx9_bf16", "hip.dense_mla.mfma_gfx9_bf16", "aiter mfma"},
    {"hip.dense_mla.split_wmma_gfx11_bf16", "hip.dense_mla.wmma_gfx11_bf16", "triton wmma"},
    {"hip.dense_mla.split_wmma_gfx12_bf16", "hip.dense_mla.wmma_gfx12_bf16", "triton wmma"});

}  // namespace

std::span<const KernelRow> rows_dense_mla() { return kRows; }

}  // namespace tamis::hip
