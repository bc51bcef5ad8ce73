// CUDA row of topk_select.
#include "core/ops/topk_select/topk_select.h"

#include "backends/cuda/tensor_args.h"
#include "kernels_cuda/topk_select/launch.h"

namespace tamis::cuda {
namespace {

using namespace topk_select_operand;

TopkSelectArgs select_args(const OpCall& call) {
  return {.scores = pointer<const float>(call[kScores]),
          .row_stride = call[kScores].desc.stride(0),
          .ks = pointer<const std::int32_t>(call[kKs]),
          .ke = pointer<const std::int32_t>(call[kKe]),
          .idx = pointer<std::int32_t>(call[kIdx]),
          .idx_stride = call[kIdx].desc.stride(0),
          .count = pointer<std::int32_t>(call[kCount]),
          .rows = call[kScores].desc.dim(0),
          .width = call[kScores].desc.dim(1),
          .k = call.as<TopkSelectParams>().k};
}

TopkSplit split_of(const OpCall& call, int multiprocessors) {
  const TensorDesc& scores = call[kScores].desc;
  return topk_split(scores.dim(0), scores.dim(1), call.as<TopkSelectParams>().k, multiprocessors);
}

Reason accepts_sampled(const DeviceInfo&, const OpCall& call) {
  const auto k = call.as<TopkSelectParams>().k;
  const std::int64_t width = call[kScores].desc.dim(1);
  if (k > kMaxSampledK) return reason::size("k", k, "up to 4096");
  return width <= 0x7fffffff ? accept() : reason::size("width", width, "up to 2^31 - 1");
}

std::int64_t sampled_workspace(const DeviceInfo& device, const OpCall& call) {
  return split_of(call, device.units).workspace_bytes;
}

Status launch_sampled(Queue& queue, const OpCall& call, const Scratch& scratch) {
  auto& cuda_queue = static_cast<CudaQueue&>(queue);
  const TopkSplit split = split_of(call, cuda_queue.multiprocessors());
  std::byte* workspace = address(scratch.workspace, scratch.workspace_offset);
  return cuda_queue.launched(
      topk_select_sampled(select_args(call), SlotMap{}, split, workspace, cuda_queue.stream()));
}

constexpr KernelRow kRows[] = {{.name = "cuda.topk_select.sampled_sm80",
                                .op = "topk_select",
                                .families = "sgl-kernel",
                                .needs = {.arch_min = 80},
                                .numerics = {.invariance = Invariance::kBatch},
                                .accepts = accepts_sampled,
                                .workspace = sampled_workspace,
                                .launch = launch_sampled}};

}  // namespace

std::span<const KernelRow> rows_topk_select() { return kRows; }

}  // namespace tamis::cuda
