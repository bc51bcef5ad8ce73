// Portable rows of moe_experts on CUDA and HIP.
#include "backends/gpu/moe_experts.h"

namespace tamis::gpu {
namespace {

using namespace moe_experts_operand;

std::int64_t workspace(const DeviceInfo&, const OpCall& call) { return ExpertsLayout(call).bytes; }

Reason accepts_stored(const DeviceInfo&, const OpCall& call) {
  if (Reason why = accept_experts_call(call); !why.accepted()) return why;
  if (Reason why = accept_stored(call[kW13]); !why.accepted()) return why;
  return accept_stored(call[kW2]);
}

Reason accepts_packed(const DeviceInfo&, const OpCall& call) {
  if (Reason why = accept_experts_call(call); !why.accepted()) return why;
  if (Reason why = accept_row_scales(call[kW13]); !why.accepted()) return why;
  return accept_row_scales(call[kW2]);
}

Reason prefers_few_tokens(const DeviceInfo&, const OpCall& call) {
  return call[kIds].desc.elements() <= kGroupedDecodeAverage * call[kW2].desc.dim(0)
             ? accept()
             : reason::slower("more than 4 rows an expert");
}

template <bool decode>
Status launch_row(Queue& queue, const OpCall& call, const Scratch& scratch) {
  std::byte* workspace = address_of(scratch.workspace, scratch.workspace_offset);
  constexpr GroupedKernel kernel = decode ? launch_grouped_gemm_decode : launch_grouped_gemm_tiled;
  return ExpertsLaunch(static_cast<GpuQueue&>(queue), call, workspace, kernel).run();
}

constexpr auto kRows =
    product_rows({.op = "moe_experts",
                  .names = {TAMIS_GPU_ROOM ".moe_experts.packed_decode", TAMIS_GPU_ROOM ".moe_experts.packed",
                            TAMIS_GPU_ROOM ".moe_experts.decode", TAMIS_GPU_ROOM ".moe_experts.portable"},
                  .accepts_packed = accepts_packed,
                  .accepts_stored = accepts_stored,
                  .prefers_decode = prefers_few_tokens,
                  .workspace = workspace,
                  .launch_packed_decode = launch_row<true>,
                  .launch_packed = launch_row<false>,
                  .launch_stored_decode = launch_row<true>,
                  .launch_stored = launch_row<false>});

}  // namespace

std::span<const KernelRow> rows_moe_experts() { return kRows; }

}  // namespace tamis::gpu
