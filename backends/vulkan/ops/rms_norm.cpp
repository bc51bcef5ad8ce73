// Vulkan row of rms_norm: shaders/rms_norm/portable.comp, a work group per row.
#include "core/ops/rms_norm/rms_norm.h"

#include "backends/vulkan/launch.h"

namespace tamis::vulkan {
namespace {

using namespace rms_norm_operand;

struct Arguments {
  std::uint64_t x, weight, y, x_stride, y_stride;
  std::uint32_t rows, width;
  float eps;
};

Reason accepts(const DeviceInfo&, const OpCall& call) { return accept_width("H", call[kX].desc.dim(1)); }

Status launch(Queue& queue, const OpCall& call, const Scratch& scratch) {
  VulkanQueue& recorder = as_vulkan(queue);
  TAMIS_RETURN_IF_ERROR(recorder.begin_launch(call, scratch));
  const Tensor &x = call[kX], &y = call[kY];
  const Arguments arguments{
      address(x), address(call[kWeight]),      address(y), row_stride(x), row_stride(y), dim(x, 0),
      dim(x, 1),  call.as<RmsNormParams>().eps};
  return recorder.dispatch({"rms_norm/portable", {type_of(x), type_of(y)}}, arguments, dim(x, 0));
}

constexpr KernelRow kRows[] = {{.name = "vulkan.rms_norm.portable",
                                .op = "rms_norm",
                                .families = "portable",
                                .needs = kNeeds,
                                .numerics = {.invariance = Invariance::kBatch},
                                .accepts = accepts,
                                .launch = launch}};

}  // namespace

std::span<const KernelRow> rows_rms_norm() { return kRows; }

}  // namespace tamis::vulkan
