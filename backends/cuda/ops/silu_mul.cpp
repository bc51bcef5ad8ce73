// CUDA row of silu_mul.
#include "core/ops/silu_mul/silu_mul.h"

#include "backends/cuda/tensor_args.h"
#include "kernels_cuda/silu_mul/launch.h"

namespace tamis::cuda {
namespace {

using namespace silu_mul_operand;

Status launch(Queue& queue, const OpCall& call, const Scratch&) {
  auto& cuda_queue = static_cast<CudaQueue&>(queue);
  const SiluMulArgs args{.x = const_matrix(call[kX]),
                         .y = matrix(call[kY]),
                         .tokens = call[kY].desc.dim(0),
                         .columns = call[kY].desc.dim(1)};
  return cuda_queue.launched(silu_mul(args, cuda_queue.stream()));
}

constexpr KernelRow kRows[] = {{.name = "cuda.silu_mul.portable",
                                .op = "silu_mul",
                                .families = "portable",
                                .needs = {.arch_min = 80},
                                .numerics = {.invariance = Invariance::kBatch},
                                .launch = launch}};

}  // namespace

std::span<const KernelRow> rows_silu_mul() { return kRows; }

}  // namespace tamis::cuda
