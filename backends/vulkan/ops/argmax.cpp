// Vulkan row of argmax: shaders/argmax/portable.comp, a work group per row.
#include "core/ops/argmax/argmax.h"

#include "backends/vulkan/launch.h"

namespace tamis::vulkan {
namespace {

using namespace argmax_operand;

struct Arguments {
  std::uint64_t logits, token, stride;
  std::uint32_t rows, width;
};

Reason accepts(const DeviceInfo&, const OpCall& call) {
  Reason bad = accept_activation("logits", call[kLogits]);
  return bad.accepted() ? accept_width("V", call[kLogits].desc.dim(1)) : bad;
}

Status launch(Queue& queue, const OpCall& call, const Scratch& scratch) {
  VulkanQueue& recorder = as_vulkan(queue);
  TAMIS_RETURN_IF_ERROR(recorder.begin_launch(call, scratch));
  const Tensor& logits = call[kLogits];
  const Arguments arguments{address(logits), address(call[kToken]), row_stride(logits), dim(logits, 0),
                            dim(logits, 1)};
  return recorder.dispatch({"argmax/portable", {type_of(logits)}}, arguments, dim(logits, 0));
}

constexpr KernelRow kRows[] = {{.name = "vulkan.argmax.portable",
                                .op = "argmax",
                                .families = "portable",
                                .needs = kNeeds,
                                .numerics = {.invariance = Invariance::kBatch},
                                .accepts = accepts,
                                .launch = launch}};

}  // namespace

std::span<const KernelRow> rows_argmax() { return kRows; }

}  // namespace tamis::vulkan
