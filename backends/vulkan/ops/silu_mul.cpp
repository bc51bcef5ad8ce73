// Vulkan row of silu_mul: shaders/silu_mul/portable.comp.
#include "core/ops/silu_mul/silu_mul.h"

#include "backends/vulkan/sheet.h"

namespace tamis::vulkan {
namespace {

using namespace silu_mul_operand;

struct Arguments {
  std::uint64_t x, y, x_stride, y_stride;
  std::uint32_t rows, width;
};

Reason accepts(const DeviceInfo&, const OpCall& call) { return accept_sheet("x", call[kX]); }

Status launch(Queue& queue, const OpCall& call, const Scratch& scratch) {
  VulkanQueue& recorder = as_vulkan(queue);
  TAMIS_RETURN_IF_ERROR(recorder.begin_launch(call, scratch));
  const Tensor &x = call[kX], &y = call[kY];
  const Arguments arguments{address(x), address(y), row_stride(x), row_stride(y), dim(y, 0), dim(y, 1)};
  return dispatch_sheet(recorder, {"silu_mul/portable", {type_of(x)}}, arguments, y.desc.dim(0),
                        y.desc.dim(1));
}

constexpr KernelRow kRows[] = {{.name = "vulkan.silu_mul.portable",
                                .op = "silu_mul",
                                .families = "portable",
                                .needs = kNeeds,
                                .numerics = {.invariance = Invariance::kBatch},
                                .accepts = accepts,
                                .launch = launch}};

}  // namespace

std::span<const KernelRow> rows_silu_mul() { return kRows; }

}  // namespace tamis::vulkan
