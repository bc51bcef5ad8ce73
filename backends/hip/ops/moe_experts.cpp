// HIP rows of moe_experts whose products run on matrix instructions, on FP8 weights in the layout row_scales:
// as e4m3 times e4m3 where the device has it, else widened.
#include "backends/gpu/moe_experts.h"
#include "backends/hip/matrix_products.h"

namespace tamis::hip {
namespace {

using namespace moe_experts_operand;

std::int64_t workspace(const DeviceInfo&, const OpCall& call) { return gpu::ExpertsLayout(call).bytes; }

Reason accepts(const DeviceInfo&, const OpCall& call) {
  if (Reason why = gpu::accept_experts_call(call); !why.accepted()) return why;
  const ActQuant mode = call.as<MoeExpertsParams>().act_quant;
  if (Reason why = accepts_matrix_product(call[kX], call[kW13], mode); !why.accepted()) return why;
  return accepts_matrix_product(call[kX], call[kW2], mode);
}

Reason accepts_fp8(const DeviceInfo& device, const OpCall& call) {
  if (Reason why = accepts(device, call); !why.accepted()) return why;
  const ActQuant mode = call.as<MoeExpertsParams>().act_quant;
  if (Reason why = accepts_codes(device, call[kW13], mode); !why.accepted()) return why;
  return accepts_codes(device, call[kW2], mode);
}

Reason prefers(const DeviceInfo&, const OpCall& call) {
  return call[kIds].desc.elements() > gpu::kGroupedDecodeAverage * call[kW2].desc.dim(0)
             ? accept()
             : reason::slower("at most 4 rows an expert");
}

// fnuz: of Quantize.
template <gpu::GroupedKernel kernel, bool fnuz = false>
Status launch(Queue& queue, const OpCall& call, const Scratch& scratch) {
  std::byte* workspace = gpu::address_of(scratch.workspace, scratch.workspace_offset);
  return gpu::ExpertsLaunch(static_cast<gpu::GpuQueue&>(queue), call, workspace, kernel, fnuz).run();
}

constexpr KernelRow row(const MatrixProductRow& own) {
  return matrix_product_row("moe_experts", own,
                            {.accepts = accepts, .prefers = prefers, .workspace = workspace});
}

constexpr KernelRow fp8_row(const MatrixProductRow& own) {
  return matrix_product_row("moe_experts", own,
                            {.accepts = accepts_fp8, .prefers = prefers, .workspace = workspace});
}

constexpr KernelRow kRows[] = {
    fp8_row({"hip.moe_experts.mfma_gfx942_fp8", "mfma triton", kMfmaGfx942,
             launch<launch_grouped_gemm_mfma_gfx942_fp8, true>}),
    fp8_row({"hip.moe_experts.mfma_gfx950_fp8", "mfma triton", kMfmaGfx950,
             launch<launch_grouped_gemm_mfma_gfx950_fp8>}),
    fp8_row({"hip.moe_experts.wmma_gfx12_fp8", "wmma triton", kWmmaGfx12,
             launch<launch_grouped_gemm_wmma_gfx12_fp8>}),
    row({"hip.moe_experts.mfma_gfx9_fp8w", "mfma triton", kMfmaGfx9, launch<launch_grouped_gemm_mfma_gfx9>}),
    row({"hip.moe_experts.wmma_gfx11_fp8w", "wmma triton", kWmmaGfx11,
         launch<launch_grouped_gemm_wmma_gfx11>}),
    row({"hip.moe_experts.wmma_gfx12_fp8w", "wmma triton", kWmmaGfx12,
         launch<launch_grouped_gemm_wmma_gfx12>}),
};

}  // namespace

std::span<const KernelRow> rows_moe_experts() { return kRows; }

}  // namespace tamis::hip
