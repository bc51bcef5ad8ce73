// HIP rows of moe_grouped_gemm on matrix instructions, on FP8 weights in the layout row_scales:
// as e4m3 times e4m3 where the device has it and act_quant rounds x, else widened.
#include "core/ops/moe_grouped_gemm/moe_grouped_gemm.h"

#include "backends/hip/matrix_products.h"

namespace tamis::hip {
namespace {

using namespace moe_grouped_gemm_operand;

gpu::Quantized quantized_x(const OpCall& call) {
  const TensorDesc& x = call[kX].desc;
  return gpu::quantized_shape(call.as<MoeGroupedGemmParams>().act_quant, x.dim(0), x.dim(1));
}

std::int64_t workspace(const DeviceInfo&, const OpCall& call) { return quantized_x(call).bytes; }

Reason accepts(const DeviceInfo&, const OpCall& call) {
  if (Reason why = gpu::accept_activations("x", call[kX]); !why.accepted()) return why;
  if (Reason why = gpu::accept_activations("y", call[kY]); !why.accepted()) return why;
  if (call[kX].desc.dim(0) > 0x7fffffff) return reason::size("M", call[kX].desc.dim(0), "up to 2^31 - 1");
  if (Reason why = gpu::accept_experts(call[kWeight]); !why.accepted()) return why;
  return accepts_matrix_product(call[kX], call[kWeight], call.as<MoeGroupedGemmParams>().act_quant);
}

Reason accepts_fp8(const DeviceInfo& device, const OpCall& call) {
  if (Reason why = accepts(device, call); !why.accepted()) return why;
  return accepts_codes(device, call[kWeight], call.as<MoeGroupedGemmParams>().act_quant);
}

Reason prefers(const DeviceInfo&, const OpCall& call) {
  return call[kX].desc.dim(0) > gpu::kGroupedDecodeAverage * call[kWeight].desc.dim(0)
             ? accept()
             : reason::slower("at most 4 rows an expert");
}

// fnuz: of Quantize.
template <gpu::GroupedKernel kernel, bool fnuz = false>
Status launch(Queue& queue, const OpCall& call, const Scratch& scratch) {
  auto& gpu_queue = static_cast<gpu::GpuQueue&>(queue);
  gpu::GroupedGemm args =
      gpu::grouped_gemm(call[kWeight], gpu::data<std::int32_t>(call[kOffsets]), call[kX].desc.dim(0));
  args.x.rows = gpu::rows_of(call[kX]);
  args.y = gpu::rows_of(call[kY]);
  if (gpu::Quantized shape = quantized_x(call); shape.bytes > 0) {
    shape.fnuz = fnuz;
    std::byte* codes = gpu::address_of(scratch.workspace, scratch.workspace_offset);
    const ActQuant mode = call.as<MoeGroupedGemmParams>().act_quant;
    TAMIS_ASSIGN_OR_RETURN(
        args.x, gpu::quantize(gpu_queue, "moe_grouped_gemm", mode, gpu::planes_of(call[kX]), shape, codes));
  }
  TAMIS_RETURN_IF_ERROR(
      gpu::submit_grouped_gemm(gpu_queue, "moe_grouped_gemm", *call[kWeight].weight, kernel, args));
  return gpu_queue.submit("moe_grouped_gemm", gpu::launch_grouped_gemm_tail, args);
}

constexpr KernelRow row(const MatrixProductRow& own) {
  return matrix_product_row("moe_grouped_gemm", own,
                            {.accepts = accepts, .prefers = prefers, .workspace = workspace});
}

constexpr KernelRow fp8_row(const MatrixProductRow& own) {
  return matrix_product_row("moe_grouped_gemm", own,
                            {.accepts = accepts_fp8, .prefers = prefers, .workspace = workspace});
}

constexpr KernelRow kRows[] = {
    fp8_row({"hip.moe_grouped_gemm.mfma_gfx942_fp8", "mfma", kMfmaGfx942,
             launch<launch_grouped_gemm_mfma_gfx942_fp8, true>}),
    fp8_row({"hip.moe_grouped_gemm.mfma_gfx950_fp8", "mfma", kMfmaGfx950,
             launch<launch_grouped_gemm_mfma_gfx950_fp8>}),
    fp8_row({"hip.moe_grouped_gemm.wmma_gfx12_fp8", "wmma", kWmmaGfx12,
             launch<launch_grouped_gemm_wmma_gfx12_fp8>}),
    row({"hip.moe_grouped_gemm.mfma_gfx9_fp8w", "mfma", kMfmaGfx9, launch<launch_grouped_gemm_mfma_gfx9>}),
    row({"hip.moe_grouped_gemm.wmma_gfx11_fp8w", "wmma", kWmmaGfx11, launch<launch_grouped_gemm_wmma_gfx11>}),
    row({"hip.moe_grouped_gemm.wmma_gfx12_fp8w", "wmma", kWmmaGfx12, launch<launch_grouped_gemm_wmma_gfx12>}),
};

}  // namespace

std::span<const KernelRow> rows_moe_grouped_gemm() { return kRows; }

}  // namespace tamis::hip
