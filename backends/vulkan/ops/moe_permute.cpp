// Vulkan row of moe_permute: the order, which leaves the token of each row in the workspace, then a gather of
// rows.
#include "core/ops/moe_permute/moe_permute.h"

#include "backends/vulkan/copy_rows.h"
#include "backends/vulkan/moe.h"

namespace tamis::vulkan {
namespace {

using namespace moe_permute_operand;

Reason accepts(const DeviceInfo&, const OpCall& call) {
  Reason bad = accept_copy("x", call[kX]);
  return bad.accepted() ? accept_copy("xp", call[kXp]) : bad;
}

std::int64_t workspace(const DeviceInfo&, const OpCall& call) { return 4 * call[kIds].desc.elements(); }

Status launch(Queue& queue, const OpCall& call, const Scratch& scratch) {
  VulkanQueue& recorder = as_vulkan(queue);
  TAMIS_RETURN_IF_ERROR(recorder.begin_launch(call, scratch));
  const Tensor &ids = call[kIds], &row_of = call[kRowOf];
  const ExpertOrder order{.ids = address(ids),
                          .row_of = address(row_of),
                          .offsets = address(call[kOffsets]),
                          .token_of = address(scratch.workspace, scratch.workspace_offset),
                          .ids_stride = row_stride(ids),
                          .row_of_stride = row_stride(row_of),
                          .tokens = dim(ids, 0),
                          .topk = dim(ids, 1),
                          .experts = static_cast<std::uint32_t>(call.as<MoePermuteParams>().n_experts)};
  TAMIS_RETURN_IF_ERROR(order_experts(recorder, order));
  recorder.barrier();
  return gather_rows(recorder, call[kX], order.token_of, call[kXp]);
}

constexpr KernelRow kRows[] = {{.name = "vulkan.moe_permute.portable",
                                .op = "moe_permute",
                                .families = "portable",
                                .needs = kNeeds,
                                .numerics = {.invariance = Invariance::kBatch},
                                .accepts = accepts,
                                .workspace = workspace,
                                .launch = launch}};

}  // namespace

std::span<const KernelRow> rows_moe_permute() { return kRows; }

}  // namespace tamis::vulkan
