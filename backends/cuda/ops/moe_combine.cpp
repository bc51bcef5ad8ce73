// CUDA row of moe_combine.
#include "core/ops/moe_combine/moe_combine.h"

#include "backends/cuda/tensor_args.h"
#include "kernels_cuda/moe_combine/launch.h"

namespace tamis::cuda {
namespace {

using namespace moe_combine_operand;

Status launch(Queue& queue, const OpCall& call, const Scratch&) {
  auto& cuda_queue = static_cast<CudaQueue&>(queue);
  const MoeCombineArgs args{.y = const_matrix(call[kY]),
                            .row_of = pointer<const std::int32_t>(call[kRowOf]),
                            .row_of_stride = call[kRowOf].desc.stride(0),
                            .weights = pointer<const float>(call[kWeights]),
                            .weights_stride = call[kWeights].desc.stride(0),
                            .shared = call[kShared].present() ? const_matrix(call[kShared])
                                                              : ConstMatrix{nullptr, 0, Element::kF32},
                            .out = matrix(call[kOut]),
                            .rows = call[kY].desc.dim(0),
                            .tokens = call[kRowOf].desc.dim(0),
                            .topk = call[kRowOf].desc.dim(1),
                            .hidden = call[kY].desc.dim(1),
                            .dependent = false};
  return cuda_queue.launched(moe_combine(args, cuda_queue.stream()));
}

constexpr KernelRow kRows[] = {{.name = "cuda.moe_combine.vector_sm80",
                                .op = "moe_combine",
                                .families = "triton",
                                .needs = {.arch_min = 80},
                                .numerics = {.invariance = Invariance::kBatch},
                                .launch = launch}};

}  // namespace

std::span<const KernelRow> rows_moe_combine() { return kRows; }

}  // namespace tamis::cuda
