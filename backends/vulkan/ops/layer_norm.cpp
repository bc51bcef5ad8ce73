// Vulkan row of layer_norm: shaders/layer_norm/portable.comp, a work group per row.
#include "core/ops/layer_norm/layer_norm.h"

#include "backends/vulkan/sheet.h"

namespace tamis::vulkan {
namespace {

using namespace layer_norm_operand;

struct Arguments {
  std::uint64_t x, weight, bias, y, x_stride, y_stride;
  std::uint32_t rows, width;
  float eps;
};

Reason accepts(const DeviceInfo&, const OpCall& call) { return accept_sheet("x", call[kX]); }

Status launch(Queue& queue, const OpCall& call, const Scratch& scratch) {
  VulkanQueue& recorder = as_vulkan(queue);
  TAMIS_RETURN_IF_ERROR(recorder.begin_launch(call, scratch));
  const Tensor &x = call[kX], &y = call[kY];
  const Arguments arguments{address(x),
                            address(call[kWeight]),
                            address(call[kBias]),
                            address(y),
                            row_stride(x),
                            row_stride(y),
                            dim(x, 0),
                            dim(x, 1),
                            call.as<LayerNormParams>().eps};
  return recorder.dispatch({"layer_norm/portable", {type_of(x), type_of(y)}}, arguments, x.desc.dim(0));
}

constexpr KernelRow kRows[] = {{.name = "vulkan.layer_norm.portable",
                                .op = "layer_norm",
                                .families = "portable",
                                .needs = kNeeds,
                                .numerics = {.invariance = Invariance::kBatch},
                                .accepts = accepts,
                                .launch = launch}};

}  // namespace

std::span<const KernelRow> rows_layer_norm() { return kRows; }

}  // namespace tamis::vulkan
