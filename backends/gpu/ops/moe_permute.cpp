// Portable row of moe_permute on CUDA and HIP: the order, which leaves the token of each row in the
// workspace, then a gather of rows.
#include "core/ops/moe_permute/moe_permute.h"

#include "backends/gpu/planes.h"
#include "kernels_gpu/moe_permute/launch.h"

namespace tamis::gpu {
namespace {

using namespace moe_permute_operand;

std::int64_t workspace(const DeviceInfo&, const OpCall& call) { return 4 * call[kIds].desc.elements(); }

Status launch_row(Queue& queue, const OpCall& call, const Scratch& scratch) {
  auto& gpu_queue = static_cast<GpuQueue&>(queue);
  ExpertOrder order;
  order.ids = ints_of(call[kIds]);
  order.row_of = ints_of(call[kRowOf]);
  order.offsets = ints_of(call[kOffsets]);
  order.token_of = reinterpret_cast<std::int32_t*>(address_of(scratch.workspace, scratch.workspace_offset));
  order.tokens = call[kIds].desc.dim(0);
  order.topk = call[kIds].desc.dim(1);
  order.experts = call.as<MoePermuteParams>().n_experts;
  TAMIS_RETURN_IF_ERROR(gpu_queue.submit("moe_permute", launch_expert_order, order));
  return gpu_queue.submit("moe_permute", launch_copy_rows, gather(call[kX], {order.token_of, 1}, call[kXp]));
}

constexpr KernelRow kRows[] = {
    {.name = TAMIS_GPU_ROOM ".moe_permute.portable",
     .op = "moe_permute",
     .families = "portable",
     .numerics = {.invariance = Invariance::kBatch},
     .accepts = accept_any,
     .workspace = workspace,
     .launch = launch_row},
};

}  // namespace

std::span<const KernelRow> rows_moe_permute() { return kRows; }

}  // namespace tamis::gpu
