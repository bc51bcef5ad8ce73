// Vulkan row of moe_route: shaders/moe_route/portable.comp, a work group per token.
#include "core/ops/moe_route/moe_route.h"

#include <algorithm>
#include <bit>

#include "backends/vulkan/sheet.h"

namespace tamis::vulkan {
namespace {

using namespace moe_route_operand;

constexpr std::int64_t kMaxSharedWords = 7168;  // 28 of the 32 KB that every device has
constexpr std::int64_t kBlocks = 256;           // work groups of a launch whose words do not fit

struct Arguments {
  std::uint64_t logits, bias, slot, ids, weights, words, logits_stride, ids_stride, weights_stride;
  std::uint32_t tokens, experts, topk, groups, kept_groups, normalize, word_count, blocks;
  float scale;
};
static_assert(sizeof(Arguments) <= kPushBytes);

// What a work group notes.
std::int64_t words_of(const OpCall& call) {
  const auto& params = call.as<MoeRouteParams>();
  return 2 * call[kLogits].desc.dim(1) + params.n_group + params.topk;
}

bool fits(const OpCall& call) { return words_of(call) <= kMaxSharedWords; }

std::int64_t blocks_of(const OpCall& call) {
  const std::int64_t tokens = call[kLogits].desc.dim(0);
  return fits(call) ? tokens : std::min(kBlocks, tokens);
}

std::int64_t workspace(const DeviceInfo&, const OpCall& call) {
  return fits(call) ? 0 : 4 * words_of(call) * blocks_of(call);
}

// A power of two, so that models that differ a little share a pipeline.
std::uint32_t shared_words(const OpCall& call) {
  if (!fits(call)) return 1;
  return std::min(std::bit_ceil(static_cast<std::uint32_t>(words_of(call))),
                  static_cast<std::uint32_t>(kMaxSharedWords));
}

Reason accepts(const DeviceInfo& device, const OpCall& call) {
  // Beside the words two of each of 64 threads.
  Reason bad = accept_shared_memory(device, 4 * (shared_words(call) + 2 * 64));
  if (bad.accepted()) bad = accept_width("words", words_of(call));
  return bad.accepted() ? accept_width("T", call[kLogits].desc.dim(0)) : bad;
}

Status launch(Queue& queue, const OpCall& call, const Scratch& scratch) {
  VulkanQueue& recorder = as_vulkan(queue);
  TAMIS_RETURN_IF_ERROR(recorder.begin_launch(call, scratch));
  const auto& params = call.as<MoeRouteParams>();
  const Tensor &logits = call[kLogits], &ids = call[kIds], &weights = call[kWeights];
  const Arguments arguments{address(logits),
                            address(call[kBias]),
                            address(call[kSlot]),
                            address(ids),
                            address(weights),
                            fits(call) ? 0 : address(scratch.workspace, scratch.workspace_offset),
                            row_stride(logits),
                            row_stride(ids),
                            row_stride(weights),
                            dim(logits, 0),
                            dim(logits, 1),
                            static_cast<std::uint32_t>(params.topk),
                            static_cast<std::uint32_t>(params.n_group),
                            static_cast<std::uint32_t>(params.topk_group),
                            params.norm_topk ? 1u : 0u,
                            static_cast<std::uint32_t>(words_of(call)),
                            static_cast<std::uint32_t>(blocks_of(call)),
                            params.scale};
  return recorder.dispatch({"moe_route/portable", {shared_words(call), fits(call) ? 1u : 0u}}, arguments,
                           blocks_of(call));
}

constexpr KernelRow kRows[] = {{.name = "vulkan.moe_route.portable",
                                .op = "moe_route",
                                .families = "portable",
                                .needs = kNeeds,
                                .numerics = {.invariance = Invariance::kBatch},
                                .accepts = accepts,
                                .workspace = workspace,
                                .launch = launch}};

}  // namespace

std::span<const KernelRow> rows_moe_route() { return kRows; }

}  // namespace tamis::vulkan
