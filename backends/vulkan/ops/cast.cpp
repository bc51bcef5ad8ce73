// Vulkan row of cast: shaders/cast/portable.comp.
#include "core/ops/cast/cast.h"

#include "backends/vulkan/sheet.h"

namespace tamis::vulkan {
namespace {

using namespace cast_operand;

struct Arguments {
  Planes x, y;
  std::uint32_t rows, width;
};

Reason accepts(const DeviceInfo&, const OpCall& call) { return accept_sheet("x", call[kX]); }

Status launch(Queue& queue, const OpCall& call, const Scratch& scratch) {
  VulkanQueue& recorder = as_vulkan(queue);
  TAMIS_RETURN_IF_ERROR(recorder.begin_launch(call, scratch));
  const Tensor &x = call[kX], &y = call[kY];
  const std::int64_t rows = row_count(x.desc), width = x.desc.dim(-1);
  const Arguments arguments{planes_of(x), planes_of(y), static_cast<std::uint32_t>(rows), dim(x, -1)};
  return dispatch_sheet(recorder, {"cast/portable", {type_of(x), type_of(y)}}, arguments, rows, width);
}

constexpr KernelRow kRows[] = {{.name = "vulkan.cast.portable",
                                .op = "cast",
                                .families = "portable",
                                .needs = kNeeds,
                                .numerics = {.invariance = Invariance::kBatch},
                                .accepts = accepts,
                                .launch = launch}};

}  // namespace

std::span<const KernelRow> rows_cast() { return kRows; }

}  // namespace tamis::vulkan
