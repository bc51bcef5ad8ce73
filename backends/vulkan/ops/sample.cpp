// Vulkan row of sample: shaders/sample/portable.comp, a work group per row.
#include "core/ops/sample/sample.h"

#include <algorithm>

#include "backends/vulkan/sheet.h"

namespace tamis::vulkan {
namespace {

using namespace sample_operand;

static_assert(kMaxSampleVocabulary <= std::int64_t{1} << 22, "the shader's ranks hold ids of 22 bits");

constexpr std::int64_t kBlocks = 64;      // work groups; each has workspace of its own
constexpr std::int64_t kTokenBytes = 12;  // a weight of 64 bits and a logit
constexpr std::int64_t kAlignment = 8;    // of the weights

// 2048 bins of 8 bytes, a 64-bit value of each of 256 threads, and what one thread tells the others.
constexpr std::int64_t kSharedBytes = 8 * (2048 + 256) + 64;

struct Arguments {
  std::uint64_t logits, temperature, top_k, top_p, min_p, repetition, presence, frequency, counts, seed;
  std::uint64_t position, token, logprob, workspace, logits_stride, counts_stride, seed_stride;
  std::uint32_t rows, width, blocks, unused;
};
static_assert(sizeof(Arguments) > kPushBytes, "the shader finds them in memory");

std::int64_t blocks_of(const OpCall& call) { return std::min(kBlocks, call[kLogits].desc.dim(0)); }

std::int64_t workspace(const DeviceInfo&, const OpCall& call) {
  const std::int64_t tokens = (call[kLogits].desc.dim(1) + 1) / 2 * 2;
  static_assert(2 * kTokenBytes % kAlignment == 0);
  return kTokenBytes * tokens * blocks_of(call);
}

Reason accepts(const DeviceInfo& device, const OpCall& call) {
  Reason bad = accept_shared_memory(device, kSharedBytes);
  return bad.accepted() ? accept_width("n", call[kLogits].desc.dim(0)) : bad;
}

Status launch(Queue& queue, const OpCall& call, const Scratch& scratch) {
  VulkanQueue& recorder = as_vulkan(queue);
  TAMIS_RETURN_IF_ERROR(recorder.begin_launch(call, scratch));
  const Tensor &logits = call[kLogits], &counts = call[kCounts];
  const Arguments arguments{.logits = address(logits),
                            .temperature = address(call[kTemperature]),
                            .top_k = address(call[kTopK]),
                            .top_p = address(call[kTopP]),
                            .min_p = address(call[kMinP]),
                            .repetition = address(call[kRepetition]),
                            .presence = address(call[kPresence]),
                            .frequency = address(call[kFrequency]),
                            .counts = address(counts),
                            .seed = address(call[kSeed]),
                            .position = address(call[kPosition]),
                            .token = address(call[kToken]),
                            .logprob = address(call[kLogprob]),
                            .workspace = address(scratch.workspace, scratch.workspace_offset),
                            .logits_stride = row_stride(logits),
                            .counts_stride = counts.present() ? row_stride(counts) : 0,
                            .seed_stride = row_stride(call[kSeed]),
                            .rows = dim(logits, 0),
                            .width = dim(logits, 1),
                            .blocks = static_cast<std::uint32_t>(blocks_of(call)),
                            .unused = 0};
  return recorder.dispatch({"sample/portable", {counts.present() ? 1u : 0u}}, arguments, blocks_of(call));
}

constexpr KernelRow kRows[] = {{.name = "vulkan.sample.portable",
                                .op = "sample",
                                .families = "portable",
                                .needs = kNeeds,
                                .numerics = {.invariance = Invariance::kBatch},
                                .accepts = accepts,
                                .workspace = workspace,
                                .launch = launch}};

}  // namespace

std::span<const KernelRow> rows_sample() { return kRows; }

}  // namespace tamis::vulkan
