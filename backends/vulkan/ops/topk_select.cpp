// Vulkan rows of topk_select, a work group per row: shaders/topk_select/sampled.comp, which reads the scores
// once as a rule, and portable.comp, which reads them five times and takes less shared memory.
#include "core/ops/topk_select/topk_select.h"

#include "backends/vulkan/topk.h"

namespace tamis::vulkan {
namespace {

using namespace topk_select_operand;

Reason accepts(const DeviceInfo&, const OpCall& call) { return accept_width("S", call[kScores].desc.dim(1)); }

Reason accepts_sampled(const DeviceInfo& device, const OpCall& call) {
  const Reason sampled = accept_sampled(device, call.as<TopkSelectParams>().k);
  return sampled.accepted() ? accepts(device, call) : sampled;
}

Status run(Queue& queue, const OpCall& call, const Scratch& scratch, const char* shader) {
  VulkanQueue& recorder = as_vulkan(queue);
  TAMIS_RETURN_IF_ERROR(recorder.begin_launch(call, scratch));
  const Tensor &scores = call[kScores], &idx = call[kIdx];
  const std::int32_t k = call.as<TopkSelectParams>().k;
  return dispatch_topk(recorder, shader,
                       {.scores = address(scores),
                        .ks = address(call[kKs]),
                        .ke = address(call[kKe]),
                        .idx = address(idx),
                        .count = address(call[kCount]),
                        .scores_stride = row_stride(scores),
                        .idx_stride = row_stride(idx),
                        .rows = dim(scores, 0),
                        .k = static_cast<std::uint32_t>(k),
                        .width = dim(scores, 1),
                        .sample_rank = sample_rank(k)});
}

Status launch_sampled(Queue& queue, const OpCall& call, const Scratch& scratch) {
  return run(queue, call, scratch, "topk_select/sampled");
}

Status launch_portable(Queue& queue, const OpCall& call, const Scratch& scratch) {
  return run(queue, call, scratch, "topk_select/portable");
}

constexpr KernelRow kRows[] = {{.name = "vulkan.topk_select.sampled",
                                .op = "topk_select",
                                .families = "sgl-kernel",
                                .needs = kNeeds,
                                .numerics = {.invariance = Invariance::kBatch},
                                .accepts = accepts_sampled,
                                .launch = launch_sampled},
                               {.name = "vulkan.topk_select.portable",
                                .op = "topk_select",
                                .families = "portable",
                                .needs = kNeeds,
                                .numerics = {.invariance = Invariance::kBatch},
                                .accepts = accepts,
                                .launch = launch_portable}};

}  // namespace

std::span<const KernelRow> rows_topk_select() { return kRows; }

}  // namespace tamis::vulkan
