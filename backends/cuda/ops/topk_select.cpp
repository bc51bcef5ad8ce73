// CUDA row of topk_select.
#include "core/ops/topk_select/topk_select.h"

#include "backends/cuda/tensor_args.h"
#include "kernels_cuda/topk_select/launch.h"

namespace tamis::cuda {
namespace {

using namespace topk_select_operand;

Status launch(Queue& queue, const OpCall& call, const Scratch&) {
  auto& cuda_queue = static_cast<CudaQueue&>(queue);
  const TopkSelectArgs args{.scores = pointer<const float>(call[kScores]),
                            .row_stride = call[kScores].desc.stride(0),
                            .ks = call[kKs].present() ? pointer<const std::int32_t>(call[kKs]) : nullptr,
                            .ke = pointer<const std::int32_t>(call[kKe]),
                            .idx = pointer<std::int32_t>(call[kIdx]),
                            .idx_stride = call[kIdx].desc.stride(0),
                            .count = pointer<std::int32_t>(call[kCount]),
                            .rows = call[kScores].desc.dim(0),
                            .width = call[kScores].desc.dim(1),
                            .k = call.as<TopkSelectParams>().k};
  return cuda_queue.launched(topk_select_portable(args, cuda_queue.stream()));
}

constexpr KernelRow kRows[] = {{.name = "cuda.topk_select.portable",
                                .op = "topk_select",
                                .families = "portable",
                                .needs = {.arch_min = 80},
                                .numerics = {.invariance = Invariance::kBatch},
                                .launch = launch}};

}  // namespace

std::span<const KernelRow> rows_topk_select() { return kRows; }

}  // namespace tamis::cuda
