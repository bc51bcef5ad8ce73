// Portable rows of moe_grouped_gemm on CUDA and HIP. With act_quant each first rounds the activations into
// the workspace. A weight that lies in one piece, packed FP8 always, is one launch, otherwise a launch per 32
// pieces.
#include "core/ops/moe_grouped_gemm/moe_grouped_gemm.h"

#include "backends/gpu/grouped_gemm.h"

namespace tamis::gpu {
namespace {

using namespace moe_grouped_gemm_operand;

Quantized quantized_x(const OpCall& call) {
  return quantized_shape(call.as<MoeGroupedGemmParams>().act_quant, call[kX].desc.dim(0),
                         call[kX].desc.dim(1));
}

std::int64_t workspace(const DeviceInfo&, const OpCall& call) { return quantized_x(call).bytes; }

Reason accept_common(const OpCall& call) {
  if (Reason why = accept_activations("x", call[kX]); !why.accepted()) return why;
  if (Reason why = accept_activations("y", call[kY]); !why.accepted()) return why;
  if (call[kX].desc.dim(0) > 0x7fffffff) return reason::size("M", call[kX].desc.dim(0), "up to 2^31 - 1");
  return accept_experts(call[kWeight]);
}

Reason accepts_stored(const DeviceInfo&, const OpCall& call) {
  if (Reason why = accept_common(call); !why.accepted()) return why;
  return accept_stored(call[kWeight]);
}

Reason accepts_packed(const DeviceInfo&, const OpCall& call) {
  if (Reason why = accept_common(call); !why.accepted()) return why;
  return accept_row_scales(call[kWeight]);
}

Reason prefers_few_rows(const DeviceInfo&, const OpCall& call) {
  return call[kX].desc.dim(0) <= kGroupedDecodeAverage * call[kWeight].desc.dim(0)
             ? accept()
             : reason::slower("more than 4 rows an expert");
}

template <bool decode>
Status launch_row(Queue& queue, const OpCall& call, const Scratch& scratch) {
  auto& gpu_queue = static_cast<GpuQueue&>(queue);
  GroupedGemm args = grouped_gemm(call[kWeight], data<std::int32_t>(call[kOffsets]), call[kX].desc.dim(0));
  args.x.rows = rows_of(call[kX]);
  args.y = rows_of(call[kY]);
  if (const Quantized shape = quantized_x(call); shape.bytes > 0) {
    std::byte* codes = address_of(scratch.workspace, scratch.workspace_offset);
    const ActQuant mode = call.as<MoeGroupedGemmParams>().act_quant;
    TAMIS_ASSIGN_OR_RETURN(args.x,
                           quantize(gpu_queue, "moe_grouped_gemm", mode, planes_of(call[kX]), shape, codes));
  }
  constexpr GroupedKernel kernel = decode ? launch_grouped_gemm_decode : launch_grouped_gemm_tiled;
  TAMIS_RETURN_IF_ERROR(
      submit_grouped_gemm(gpu_queue, "moe_grouped_gemm", *call[kWeight].weight, kernel, args));
  return gpu_queue.submit("moe_grouped_gemm", launch_grouped_gemm_tail, args);
}

constexpr auto kRows = product_rows(
    {.op = "moe_grouped_gemm",
     .names = {TAMIS_GPU_ROOM ".moe_grouped_gemm.packed_decode", TAMIS_GPU_ROOM ".moe_grouped_gemm.packed",
               TAMIS_GPU_ROOM ".moe_grouped_gemm.decode", TAMIS_GPU_ROOM ".moe_grouped_gemm.portable"},
     .accepts_packed = accepts_packed,
     .accepts_stored = accepts_stored,
     .prefers_decode = prefers_few_rows,
     .workspace = workspace,
     .launch_packed_decode = launch_row<true>,
     .launch_packed = launch_row<false>,
     .launch_stored_decode = launch_row<true>,
     .launch_stored = launch_row<false>});

}  // namespace

std::span<const KernelRow> rows_moe_grouped_gemm() { return kRows; }

}  // namespace tamis::gpu
