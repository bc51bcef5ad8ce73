// Vulkan row of topk_select: shaders/topk_select/portable.comp, a work group per row.
#include "core/ops/topk_select/topk_select.h"

#include "backends/vulkan/launch.h"

namespace tamis::vulkan {
namespace {

using namespace topk_select_operand;

struct Arguments {
  std::uint64_t scores, ks, ke, idx, count, scores_stride, idx_stride;
  std::uint32_t rows, k, width;
};

Reason accepts(const DeviceInfo&, const OpCall& call) { return accept_width("S", call[kScores].desc.dim(1)); }

Status launch(Queue& queue, const OpCall& call, const Scratch& scratch) {
  VulkanQueue& recorder = as_vulkan(queue);
  TAMIS_RETURN_IF_ERROR(recorder.begin_launch(call, scratch));
  const Tensor &scores = call[kScores], &idx = call[kIdx];
  const Arguments arguments{
      address(scores), address(call[kKs]),    address(call[kKe]),
      address(idx),    address(call[kCount]), row_stride(scores),
      row_stride(idx), dim(scores, 0),        static_cast<std::uint32_t>(call.as<TopkSelectParams>().k),
      dim(scores, 1)};
  return recorder.dispatch({"topk_select/portable", {}}, arguments, dim(scores, 0));
}

constexpr KernelRow kRows[] = {{.name = "vulkan.topk_select.portable",
                                .op = "topk_select",
                                .families = "portable",
                                .needs = kNeeds,
                                .numerics = {.invariance = Invariance::kBatch},
                                .accepts = accepts,
                                .launch = launch}};

}  // namespace

std::span<const KernelRow> rows_topk_select() { return kRows; }

}  // namespace tamis::vulkan
