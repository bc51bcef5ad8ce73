// CUDA row of rms_norm.
#include "core/ops/rms_norm/rms_norm.h"

#include "backends/cuda/tensor_args.h"
#include "kernels_cuda/rms_norm/launch.h"

namespace tamis::cuda {
namespace {

using namespace rms_norm_operand;

Status launch(Queue& queue, const OpCall& call, const Scratch&) {
  auto& cuda_queue = static_cast<CudaQueue&>(queue);
  const RmsNormArgs args{const_matrix(call[kX]), pointer<const float>(call[kWeight]),
                         matrix(call[kY]),       call[kX].desc.dim(0),
                         call[kX].desc.dim(1),   call.as<RmsNormParams>().eps};
  return cuda_queue.launched(rms_norm_portable(args, cuda_queue.stream()));
}

constexpr KernelRow kRows[] = {{.name = "cuda.rms_norm.portable",
                                .op = "rms_norm",
                                .families = "portable",
                                .needs = {.arch_min = 80},
                                .numerics = {.invariance = Invariance::kBatch},
                                .launch = launch}};

}  // namespace

std::span<const KernelRow> rows_rms_norm() { return kRows; }

}  // namespace tamis::cuda
