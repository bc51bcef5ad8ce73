// Vulkan row of residual_add: shaders/residual_add/portable.comp.
#include "core/ops/residual_add/residual_add.h"

#include "backends/vulkan/sheet.h"

namespace tamis::vulkan {
namespace {

using namespace residual_add_operand;

struct Arguments {
  std::uint64_t x, delta, y, x_stride, delta_stride, y_stride;
  std::uint32_t rows, width;
};

Reason accepts(const DeviceInfo&, const OpCall& call) { return accept_sheet("x", call[kX]); }

Status launch(Queue& queue, const OpCall& call, const Scratch& scratch) {
  VulkanQueue& recorder = as_vulkan(queue);
  TAMIS_RETURN_IF_ERROR(recorder.begin_launch(call, scratch));
  const Tensor &x = call[kX], &delta = call[kDelta], &y = call[kY];
  const Arguments arguments{address(x),        address(delta), address(y), row_stride(x),
                            row_stride(delta), row_stride(y),  dim(x, 0),  dim(x, 1)};
  return dispatch_sheet(recorder, {"residual_add/portable", {type_of(x), type_of(delta)}}, arguments,
                        x.desc.dim(0), x.desc.dim(1));
}

constexpr KernelRow kRows[] = {{.name = "vulkan.residual_add.portable",
                                .op = "residual_add",
                                .families = "portable",
                                .needs = kNeeds,
                                .numerics = {.invariance = Invariance::kBatch},
                                .accepts = accepts,
                                .launch = launch}};

}  // namespace

std::span<const KernelRow> rows_residual_add() { return kRows; }

}  // namespace tamis::vulkan
