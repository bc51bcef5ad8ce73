// Vulkan row of rope: shaders/rope/portable.comp, a work group per token and 16 heads.
#include "core/ops/rope/rope.h"

#include "backends/vulkan/rotary.h"

namespace tamis::vulkan {
namespace {

using namespace rope_operand;

Reason accepts(const DeviceInfo&, const OpCall& call) {
  // A work group counts the elements that it copies in 32 bits.
  return accept_width("16 D", kRopeHeads * call[kX].desc.dim(-1));
}

Status launch(Queue& queue, const OpCall& call, const Scratch& scratch) {
  VulkanQueue& recorder = as_vulkan(queue);
  TAMIS_RETURN_IF_ERROR(recorder.begin_launch(call, scratch));
  const auto& params = call.as<RopeParams>();
  const Tensor& x = call[kX];
  RopeArguments arguments = rope_of(x, call[kY], call[kPositions], call[kInvFreq]);
  arguments.begin = static_cast<std::uint32_t>(params.begin);
  arguments.magnitude = params.magnitude;
  const bool interleaved = params.pairing == RopePairing::kInterleaved;
  return recorder.dispatch({"rope/portable", {type_of(x), interleaved ? 1u : 0u}}, arguments,
                           x.desc.dim(0) * rope_parts(heads_of(x)));
}

constexpr KernelRow kRows[] = {{.name = "vulkan.rope.portable",
                                .op = "rope",
                                .families = "portable",
                                .needs = kNeeds,
                                .numerics = {.invariance = Invariance::kBatch},
                                .accepts = accepts,
                                .launch = launch}};

}  // namespace

std::span<const KernelRow> rows_rope() { return kRows; }

}  // namespace tamis::vulkan
