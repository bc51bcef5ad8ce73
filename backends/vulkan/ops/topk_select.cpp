// Vulkan rows of topk_select, a work group per row: shaders/topk_select/sampled.comp, which reads the scores
// once as a rule, and portable.comp, which reads them five times and takes less shared memory.
#include "core/ops/topk_select/topk_select.h"

#include <cmath>

#include "backends/vulkan/sheet.h"

namespace tamis::vulkan {
namespace {

using namespace topk_select_operand;

struct Arguments {
  std::uint64_t scores, ks, ke, idx, count, scores_stride, idx_stride;
  std::uint32_t rows, k, width, sample_rank;
};

// Of sampled.comp: candidates of 8 bytes, bins, and what scans take.
constexpr std::int64_t kSampledShared = 8 * 3584 + 4 * (256 + 256 + 16 + 6);
// With more, too many rows have more candidates than there is room for.
constexpr std::int32_t kMostSampled = 2048;

Reason accepts(const DeviceInfo&, const OpCall& call) { return accept_width("S", call[kScores].desc.dim(1)); }

Reason accepts_sampled(const DeviceInfo& device, const OpCall& call) {
  const std::int32_t k = call.as<TopkSelectParams>().k;
  if (k > kMostSampled) return reason::size("k", k, "up to 2048");
  const Reason room = accept_shared_memory(device, kSampledShared);
  return room.accepted() ? accepts(device, call) : room;
}

// A rank r among a 16th of the scores, such that 16 r of all, give or take 16 sqrt(r), are as good or better:
// 3.5 of these above k.
std::uint32_t sample_rank(std::int32_t k) {
  const double root = (3.5 + std::sqrt(3.5 * 3.5 + k / 4.0)) / 2;
  return static_cast<std::uint32_t>(root * root) + 1;
}

Status run(Queue& queue, const OpCall& call, const Scratch& scratch, const char* shader) {
  VulkanQueue& recorder = as_vulkan(queue);
  TAMIS_RETURN_IF_ERROR(recorder.begin_launch(call, scratch));
  const Tensor &scores = call[kScores], &idx = call[kIdx];
  const std::int32_t k = call.as<TopkSelectParams>().k;
  const Arguments arguments{address(scores), address(call[kKs]),    address(call[kKe]),
                            address(idx),    address(call[kCount]), row_stride(scores),
                            row_stride(idx), dim(scores, 0),        static_cast<std::uint32_t>(k),
                            dim(scores, 1),  sample_rank(k)};
  return recorder.dispatch({shader, {}}, arguments, dim(scores, 0));
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
