// Vulkan row of concat: shaders/common/copy_rows.comp, a dispatch per side.
#include "core/ops/concat/concat.h"

#include "backends/vulkan/copy_rows.h"

namespace tamis::vulkan {
namespace {

using namespace concat_operand;

Reason accepts(const DeviceInfo&, const OpCall& call) { return accept_copy("y", call[kY]); }

Status launch(Queue& queue, const OpCall& call, const Scratch& scratch) {
  VulkanQueue& recorder = as_vulkan(queue);
  TAMIS_RETURN_IF_ERROR(recorder.begin_launch(call, scratch));
  const auto rows = static_cast<std::uint32_t>(row_count(call[kY].desc));
  Planes to = planes_of(call[kY]);
  for (int side : {kA, kB}) {
    const std::int64_t bytes = row_bytes(call[side]);
    TAMIS_RETURN_IF_ERROR(copy_rows(
        recorder, {.from = planes_of(call[side]), .to = to, .rows = rows, .source_rows = rows}, bytes));
    to.data += static_cast<std::uint64_t>(bytes);
  }
  return {};
}

constexpr KernelRow kRows[] = {{.name = "vulkan.concat.portable",
                                .op = "concat",
                                .families = "portable",
                                .needs = kNeeds,
                                .numerics = {.invariance = Invariance::kBatch},
                                .accepts = accepts,
                                .launch = launch}};

}  // namespace

std::span<const KernelRow> rows_concat() { return kRows; }

}  // namespace tamis::vulkan
