// Vulkan row of quantize_group: shaders/quantize_group/portable.comp, a work group per group.
#include "core/ops/quantize_group/quantize_group.h"

#include "backends/vulkan/caches.h"

namespace tamis::vulkan {
namespace {

using namespace quantize_group_operand;

struct Arguments {
  VectorArguments x, codes;
  std::uint64_t scales;
  std::uint32_t vectors, heads, width, group, groups;
};

Reason accepts(const DeviceInfo&, const OpCall& call) {
  const Tensor& x = call[kX];
  Reason bad = accept_width("T x h", x.desc.dim(0) * heads_of(x));
  return bad.accepted() ? accept_width("K", x.desc.dim(-1)) : bad;
}

Status launch(Queue& queue, const OpCall& call, const Scratch& scratch) {
  VulkanQueue& recorder = as_vulkan(queue);
  TAMIS_RETURN_IF_ERROR(recorder.begin_launch(call, scratch));
  const auto& params = call.as<QuantizeGroupParams>();
  const Tensor& x = call[kX];
  const std::int64_t vectors = x.desc.dim(0) * heads_of(x), width = x.desc.dim(-1);
  const std::int64_t groups = (width + params.group - 1) / params.group;
  const Arguments arguments{vectors_of(x),
                            vectors_of(call[kCodes]),
                            address(call[kScales]),
                            static_cast<std::uint32_t>(vectors),
                            heads_of(x),
                            static_cast<std::uint32_t>(width),
                            static_cast<std::uint32_t>(params.group),
                            static_cast<std::uint32_t>(groups)};
  const Kernel kernel{"quantize_group/portable", {type_of(x), params.pow2 ? 1u : 0u}};
  return recorder.dispatch(kernel, arguments, vectors * groups);
}

constexpr KernelRow kRows[] = {{.name = "vulkan.quantize_group.portable",
                                .op = "quantize_group",
                                .families = "portable",
                                .needs = kNeeds,
                                .numerics = {.invariance = Invariance::kBatch},
                                .accepts = accepts,
                                .launch = launch}};

}  // namespace

std::span<const KernelRow> rows_quantize_group() { return kRows; }

}  // namespace tamis::vulkan
