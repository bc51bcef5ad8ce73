// HIP rows of linear on matrix instructions: one expert's product, on FP8 weights in the layout row_scales:
// as e4m3 times e4m3 where the device has it and act_quant rounds x, else widened.
#include "core/ops/linear/linear.h"

#include "backends/hip/matrix_products.h"
#include "kernels_gpu/linear/launch.h"

namespace tamis::hip {
namespace {

using namespace linear_operand;

gpu::Quantized quantized_x(const OpCall& call) {
  return gpu::quantized_shape(call.as<LinearParams>().act_quant, call[kX].desc.dim(0), call[kX].desc.dim(1));
}

std::int64_t workspace(const DeviceInfo&, const OpCall& call) { return quantized_x(call).bytes; }

Reason accepts(const DeviceInfo&, const OpCall& call) {
  if (Reason why = gpu::accept_activations("x", call[kX]); !why.accepted()) return why;
  if (Reason why = gpu::accept_activations("y", call[kY]); !why.accepted()) return why;
  return accepts_matrix_product(call[kX], call[kWeight], call.as<LinearParams>().act_quant);
}

Reason accepts_fp8(const DeviceInfo& device, const OpCall& call) {
  if (Reason why = accepts(device, call); !why.accepted()) return why;
  return accepts_codes(device, call[kWeight], call.as<LinearParams>().act_quant);
}

Reason prefers(const DeviceInfo&, const OpCall& call) {
  return call[kX].desc.dim(0) > gpu::kDecodeTokens ? accept() : reason::slower("at most 8 tokens");
}

// fnuz: of Quantize.
template <gpu::GroupedKernel kernel, bool fnuz = false>
Status launch(Queue& queue, const OpCall& call, const Scratch& scratch) {
  auto& gpu_queue = static_cast<gpu::GpuQueue&>(queue);
  const Weight& weight = *call[kWeight].weight;
  if (weight.stored()) return internal_error("linear: the row reads {} and w is stored", kRowScalesLayout);
  gpu::GroupedGemm args;
  args.x.rows = gpu::rows_of(call[kX]);
  if (gpu::Quantized shape = quantized_x(call); shape.bytes > 0) {
    shape.fnuz = fnuz;
    std::byte* codes = gpu::address_of(scratch.workspace, scratch.workspace_offset);
    const ActQuant mode = call.as<LinearParams>().act_quant;
    TAMIS_ASSIGN_OR_RETURN(args.x,
                           gpu::quantize(gpu_queue, "linear", mode, gpu::planes_of(call[kX]), shape, codes));
  }
  args.y = gpu::rows_of(call[kY]);
  args.rows = call[kX].desc.dim(0);
  args.experts = 1;
  args.k = call[kX].desc.dim(1);
  args.n = weight.desc.dim(0);
  args.packed = args.w.whole = true;
  args.w.rows = gpu::packed_rows(weight);
  args.w.rows_per_group = args.n;
  args.w.count = 1;
  return gpu_queue.submit("linear", kernel, args);
}

constexpr KernelRow row(const MatrixProductRow& own) {
  return matrix_product_row("linear", own, {.accepts = accepts, .prefers = prefers, .workspace = workspace});
}

constexpr KernelRow fp8_row(const MatrixProductRow& own) {
  return matrix_product_row("linear", own,
                            {.accepts = accepts_fp8, .prefers = prefers, .workspace = workspace});
}

constexpr KernelRow kRows[] = {
    fp8_row({"hip.linear.mfma_gfx942_fp8", "mfma aiter", kMfmaGfx942,
             launch<launch_grouped_gemm_mfma_gfx942_fp8, true>}),
    fp8_row({"hip.linear.mfma_gfx950_fp8", "mfma aiter", kMfmaGfx950,
             launch<launch_grouped_gemm_mfma_gfx950_fp8>}),
    fp8_row(
        {"hip.linear.wmma_gfx12_fp8", "wmma triton", kWmmaGfx12, launch<launch_grouped_gemm_wmma_gfx12_fp8>}),
    row({"hip.linear.mfma_gfx9_fp8w", "mfma aiter", kMfmaGfx9, launch<launch_grouped_gemm_mfma_gfx9>}),
    row({"hip.linear.wmma_gfx11_fp8w", "wmma triton", kWmmaGfx11, launch<launch_grouped_gemm_wmma_gfx11>}),
    row({"hip.linear.wmma_gfx12_fp8w", "wmma triton", kWmmaGfx12, launch<launch_grouped_gemm_wmma_gfx12>}),
};

}  // namespace

std::span<const KernelRow> rows_linear() { return kRows; }

}  // namespace tamis::hip
