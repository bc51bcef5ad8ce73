// Vulkan row of moe_combine: shaders/moe_combine/portable.comp.
#include "core/ops/moe_combine/moe_combine.h"

#include "backends/vulkan/moe.h"

namespace tamis::vulkan {
namespace {

using namespace moe_combine_operand;

Reason accepts(const DeviceInfo&, const OpCall& call) {
  Reason bad = accept_sheet("y", call[kY]);
  return bad.accepted() ? accept_sheet("out", call[kOut]) : bad;
}

Status launch(Queue& queue, const OpCall& call, const Scratch& scratch) {
  VulkanQueue& recorder = as_vulkan(queue);
  TAMIS_RETURN_IF_ERROR(recorder.begin_launch(call, scratch));
  const Tensor &y = call[kY], &row_of = call[kRowOf];
  const ExpertOutputs outputs{.y = address(y),
                              .row_of = address(row_of),
                              .y_stride = row_stride(y),
                              .row_of_stride = row_stride(row_of),
                              .rows = dim(y, 0),
                              .type = type_of(y)};
  return combine_experts(recorder, outputs, call[kWeights], call[kShared], call[kOut]);
}

constexpr KernelRow kRows[] = {{.name = "vulkan.moe_combine.portable",
                                .op = "moe_combine",
                                .families = "portable",
                                .needs = kNeeds,
                                .numerics = {.invariance = Invariance::kBatch},
                                .accepts = accepts,
                                .launch = launch}};

}  // namespace

std::span<const KernelRow> rows_moe_combine() { return kRows; }

}  // namespace tamis::vulkan
