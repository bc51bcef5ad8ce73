// HIP row of topk_select that reads the scores once.
#include "backends/gpu/topk_select.h"

#include "kernels_hip/common/select_limits.h"
#include "kernels_hip/topk_select/launch.h"

namespace tamis::hip {
namespace {

Reason accepts(const DeviceInfo& device, const OpCall& call) {
  if (Reason why = gpu::accepts_topk_select(device, call); !why.accepted()) return why;
  const auto k = call.as<TopkSelectParams>().k;
  const std::int64_t tokens = call[topk_select_operand::kScores].desc.dim(0);
  if (tokens > kMaxSampledRows) return reason::size("T", tokens, "up to 2^22");
  return k <= kMaxSampledK ? accept() : reason::size("k", k, "up to 2048");
}

constexpr KernelRow kRows[] = {
    {.name = "hip.topk_select.sampled",
     .op = "topk_select",
     .families = "sgl-kernel",
     .numerics = {.invariance = Invariance::kBatch},
     .accepts = accepts,
     .launch = gpu::launch<&gpu::topk_select_arguments, &launch_topk_select_sampled>},
};

}  // namespace

std::span<const KernelRow> rows_topk_select() { return kRows; }

}  // namespace tamis::hip
