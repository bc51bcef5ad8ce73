// CUDA row of rms_norm.
#include "core/ops/rms_norm/rms_norm.h"

#include "backends/cuda/norm_args.h"

namespace tamis::cuda {
namespace {

using namespace rms_norm_operand;

Reason accepts(const DeviceInfo&, const OpCall& call) {
  if (Reason why = accept_norm_width(call[kX].desc.dim(1)); !why.accepted()) return why;
  if (Reason why = accept_vector_rows("x", call[kX]); !why.accepted()) return why;
  if (Reason why = accept_vector_rows("weight", call[kWeight]); !why.accepted()) return why;
  return accept_vector_rows("y", call[kY]);
}

Status launch(Queue& queue, const OpCall& call, const Scratch&) {
  auto& cuda_queue = static_cast<CudaQueue&>(queue);
  const RmsNormArgs args{.x = const_matrix(call[kX]),
                         .delta = {},
                         .sum = {},
                         .weight = pointer<const float>(call[kWeight]),
                         .y = matrix(call[kY]),
                         .tokens = call[kX].desc.dim(0),
                         .width = static_cast<int>(call[kX].desc.dim(1)),
                         .eps = call.as<RmsNormParams>().eps};
  return cuda_queue.launched(rms_norm_rows(args, cuda_queue.stream()));
}

constexpr KernelRow kRows[] = {{.name = "cuda.rms_norm.rows_sm80",
                                .op = "rms_norm",
                                .families = "triton",
                                .needs = {.arch_min = 80},
                                .numerics = {.invariance = Invariance::kBatch},
                                .accepts = accepts,
                                .launch = launch}};

}  // namespace

std::span<const KernelRow> rows_rms_norm() { return kRows; }

}  // namespace tamis::cuda
