// CUDA row of argmax.
#include "core/ops/argmax/argmax.h"

#include "backends/cuda/tensor_args.h"
#include "kernels_cuda/argmax/launch.h"

namespace tamis::cuda {
namespace {

using namespace argmax_operand;

Status launch(Queue& queue, const OpCall& call, const Scratch&) {
  auto& cuda_queue = static_cast<CudaQueue&>(queue);
  const ArgmaxArgs args{const_matrix(call[kLogits]), pointer<std::int32_t>(call[kToken]),
                        call[kLogits].desc.dim(0), call[kLogits].desc.dim(1)};
  return cuda_queue.launched(argmax_portable(args, cuda_queue.stream()));
}

constexpr KernelRow kRows[] = {{.name = "cuda.argmax.portable",
                                .op = "argmax",
                                .families = "portable",
                                .needs = {.arch_min = 80},
                                .numerics = {.invariance = Invariance::kBatch},
                                .launch = launch}};

}  // namespace

std::span<const KernelRow> rows_argmax() { return kRows; }

}  // namespace tamis::cuda
