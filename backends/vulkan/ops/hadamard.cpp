// Vulkan row of hadamard: shaders/hadamard/portable.comp, and for vectors too wide for shared memory one
// dispatch of shaders/hadamard/stage.comp for each further stage.
#include "core/ops/hadamard/hadamard.h"

#include <algorithm>
#include <cmath>

#include "backends/vulkan/caches.h"

namespace tamis::vulkan {
namespace {

using namespace hadamard_operand;

constexpr std::int64_t kLocalWidth = 4096;   // 16 KB of shared memory
constexpr std::int64_t kValues = 512;        // of a work group, unless one vector is wider
constexpr std::int64_t kStageThreads = 256;  // of stage.comp

struct Arguments {
  VectorArguments x, y;
  std::uint64_t workspace;
  std::uint32_t heads, chunks, width, chunks_each;
  float factor;
};

struct StageArguments {
  VectorArguments y;
  std::uint64_t workspace;
  std::uint32_t heads, vectors, width, half_width;
  float factor;
};

std::int64_t vectors_in(const OpCall& call) { return call[kX].desc.dim(0) * heads_of(call[kX]); }

Reason accepts(const DeviceInfo&, const OpCall& call) {
  const std::int64_t width = call[kX].desc.dim(-1);
  return accept_width("T x h x D / 4096", vectors_in(call) * std::max<std::int64_t>(1, width / kLocalWidth));
}

std::int64_t workspace(const DeviceInfo&, const OpCall& call) {
  const std::int64_t width = call[kX].desc.dim(-1);
  return width <= kLocalWidth ? 0 : 4 * width * vectors_in(call);
}

Status dispatch_stages(VulkanQueue& recorder, const OpCall& call, StageArguments arguments) {
  const std::int64_t width = arguments.width, parts = (width / 2 + kStageThreads - 1) / kStageThreads;
  for (std::int64_t half = kLocalWidth; half < width; half *= 2) {
    recorder.barrier();
    arguments.half_width = static_cast<std::uint32_t>(half);
    const Kernel kernel{"hadamard/stage", {type_of(call[kX]), 2 * half == width ? 1u : 0u}};
    TAMIS_RETURN_IF_ERROR(recorder.dispatch(kernel, arguments, vectors_in(call) * parts));
  }
  return {};
}

Status launch(Queue& queue, const OpCall& call, const Scratch& scratch) {
  VulkanQueue& recorder = as_vulkan(queue);
  TAMIS_RETURN_IF_ERROR(recorder.begin_launch(call, scratch));
  const Tensor& x = call[kX];
  const std::int64_t width = x.desc.dim(-1), local = std::min(width, kLocalWidth),
                     values = std::max(local, kValues);
  const std::int64_t chunks = vectors_in(call) * (width / local);
  const std::uint64_t memory = width > local ? address(scratch.workspace, scratch.workspace_offset) : 0;
  const auto factor = static_cast<float>(1.0 / std::sqrt(static_cast<double>(width)));
  const Arguments arguments{vectors_of(x),
                            vectors_of(call[kY]),
                            memory,
                            heads_of(x),
                            static_cast<std::uint32_t>(chunks),
                            static_cast<std::uint32_t>(local),
                            static_cast<std::uint32_t>(width / local),
                            factor};
  const Kernel kernel{"hadamard/portable",
                      {type_of(x), static_cast<std::uint32_t>(values), width > local ? 1u : 0u}};
  const std::int64_t each = values / local;
  TAMIS_RETURN_IF_ERROR(recorder.dispatch(kernel, arguments, (chunks + each - 1) / each));
  return dispatch_stages(recorder, call,
                         {arguments.y, memory, arguments.heads, static_cast<std::uint32_t>(vectors_in(call)),
                          static_cast<std::uint32_t>(width), 0, factor});
}

constexpr KernelRow kRows[] = {{.name = "vulkan.hadamard.portable",
                                .op = "hadamard",
                                .families = "portable",
                                .needs = kNeeds,
                                .numerics = {.invariance = Invariance::kBatch},
                                .accepts = accepts,
                                .workspace = workspace,
                                .launch = launch}};

}  // namespace

std::span<const KernelRow> rows_hadamard() { return kRows; }

}  // namespace tamis::vulkan
