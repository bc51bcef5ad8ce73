// Portable row of moe_route on CUDA and HIP.
#include "core/ops/moe_route/moe_route.h"

#include <algorithm>

#include "backends/gpu/operands.h"
#include "kernels_gpu/moe_route/launch.h"

namespace tamis::gpu {
namespace {

using namespace moe_route_operand;

std::int64_t words_of(const OpCall& call) {
  const auto& params = call.as<MoeRouteParams>();
  return 2 * call[kLogits].desc.dim(1) + params.n_group + params.topk;
}

std::int64_t workspace(const DeviceInfo&, const OpCall& call) {
  const std::int64_t words = words_of(call);
  return words <= kRouteLocalWords ? 0 : 4 * words * std::min(kRouteBlocks, call[kLogits].desc.dim(0));
}

MoeRoute arguments(const OpCall& call, std::byte* workspace) {
  const auto& params = call.as<MoeRouteParams>();
  return {.logits = data<float>(call[kLogits]),
          .logits_stride = call[kLogits].desc.stride(0),
          .bias = data<float>(call[kBias]),
          .slot = ints_of(call[kSlot]),
          .ids = ints_of(call[kIds]),
          .weights = data<float>(call[kWeights]),
          .weights_stride = call[kWeights].desc.stride(0),
          .words = words_of(call) <= kRouteLocalWords ? nullptr : reinterpret_cast<std::uint32_t*>(workspace),
          .word_count = words_of(call),
          .tokens = call[kLogits].desc.dim(0),
          .experts = call[kLogits].desc.dim(1),
          .topk = params.topk,
          .groups = params.n_group,
          .kept_groups = params.topk_group,
          .normalize = params.norm_topk,
          .scale = params.scale};
}

constexpr KernelRow kRows[] = {
    {.name = TAMIS_GPU_ROOM ".moe_route.portable",
     .op = "moe_route",
     .families = "portable",
     .numerics = {.invariance = Invariance::kBatch},
     .accepts = accept_any,
     .workspace = workspace,
     .launch = launch_with_workspace<&arguments, &launch_moe_route>},
};

}  // namespace

std::span<const KernelRow> rows_moe_route() { return kRows; }

}  // namespace tamis::gpu
