// CUDA row of moe_route.
#include "core/ops/moe_route/moe_route.h"

#include "backends/cuda/tensor_args.h"
#include "kernels_cuda/moe_route/launch.h"

namespace tamis::cuda {
namespace {

using namespace moe_route_operand;

Reason accepts(const DeviceInfo&, const OpCall& call) {
  const std::int64_t experts = call[kLogits].desc.dim(1);
  return experts <= kMaxRouteExperts ? accept() : reason::size("experts", experts, "up to 4096");
}

Status launch(Queue& queue, const OpCall& call, const Scratch&) {
  auto& cuda_queue = static_cast<CudaQueue&>(queue);
  const auto& params = call.as<MoeRouteParams>();
  const MoeRouteArgs args{.logits = pointer<const float>(call[kLogits]),
                          .logits_stride = call[kLogits].desc.stride(0),
                          .bias = pointer<const float>(call[kBias]),
                          .slot = pointer<const std::int32_t>(call[kSlot]),
                          .ids = pointer<std::int32_t>(call[kIds]),
                          .weights = pointer<float>(call[kWeights]),
                          .tokens = call[kLogits].desc.dim(0),
                          .experts = static_cast<int>(call[kLogits].desc.dim(1)),
                          .topk = params.topk,
                          .groups = params.n_group,
                          .kept_groups = params.topk_group,
                          .norm = params.norm_topk,
                          .scale = params.scale};
  return cuda_queue.launched(moe_route(args, cuda_queue.stream()));
}

constexpr KernelRow kRows[] = {{.name = "cuda.moe_route.warp_sm80",
                                .op = "moe_route",
                                .families = "triton",
                                .needs = {.arch_min = 80},
                                .numerics = {.invariance = Invariance::kBatch},
                                .accepts = accepts,
                                .launch = launch}};

}  // namespace

std::span<const KernelRow> rows_moe_route() { return kRows; }

}  // namespace tamis::cuda
