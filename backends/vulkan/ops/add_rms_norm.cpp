// Vulkan row of add_rms_norm: shaders/add_rms_norm/portable.comp, a work group per row.
#include "core/ops/add_rms_norm/add_rms_norm.h"

#include "backends/vulkan/sheet.h"

namespace tamis::vulkan {
namespace {

using namespace add_rms_norm_operand;

struct Arguments {
  std::uint64_t x, delta, weight, sum, y, x_stride, delta_stride, sum_stride, y_stride;
  std::uint32_t rows, width;
  float eps;
};

Reason accepts(const DeviceInfo&, const OpCall& call) { return accept_sheet("x", call[kX]); }

Status launch(Queue& queue, const OpCall& call, const Scratch& scratch) {
  VulkanQueue& recorder = as_vulkan(queue);
  TAMIS_RETURN_IF_ERROR(recorder.begin_launch(call, scratch));
  const Tensor &x = call[kX], &delta = call[kDelta], &sum = call[kSum], &y = call[kY];
  const Arguments arguments{address(x),        address(delta),  address(call[kWeight]),
                            address(sum),      address(y),      row_stride(x),
                            row_stride(delta), row_stride(sum), row_stride(y),
                            dim(x, 0),         dim(x, 1),       call.as<AddRmsNormParams>().eps};
  return recorder.dispatch({"add_rms_norm/portable", {type_of(x), type_of(delta), type_of(y)}}, arguments,
                           x.desc.dim(0));
}

constexpr KernelRow kRows[] = {{.name = "vulkan.add_rms_norm.portable",
                                .op = "add_rms_norm",
                                .families = "portable",
                                .needs = kNeeds,
                                .numerics = {.invariance = Invariance::kBatch},
                                .accepts = accepts,
                                .launch = launch}};

}  // namespace

std::span<const KernelRow> rows_add_rms_norm() { return kRows; }

}  // namespace tamis::vulkan
