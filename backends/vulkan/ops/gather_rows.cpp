// Vulkan row of gather_rows: shaders/common/copy_rows.comp.
#include "core/ops/gather_rows/gather_rows.h"

#include "backends/vulkan/copy_rows.h"

namespace tamis::vulkan {
namespace {

using namespace gather_rows_operand;

Reason accepts(const DeviceInfo&, const OpCall& call) {
  Reason bad = accept_copy("x", call[kX]);
  return bad.accepted() ? accept_copy("y", call[kY]) : bad;
}

Status launch(Queue& queue, const OpCall& call, const Scratch& scratch) {
  VulkanQueue& recorder = as_vulkan(queue);
  TAMIS_RETURN_IF_ERROR(recorder.begin_launch(call, scratch));
  return gather_rows(recorder, call[kX], address(call[kRows]), call[kY]);
}

constexpr KernelRow kTable[] = {{.name = "vulkan.gather_rows.portable",
                                 .op = "gather_rows",
                                 .families = "portable",
                                 .needs = kNeeds,
                                 .numerics = {.invariance = Invariance::kBatch},
                                 .accepts = accepts,
                                 .launch = launch}};

}  // namespace

std::span<const KernelRow> rows_gather_rows() { return kTable; }

}  // namespace tamis::vulkan
