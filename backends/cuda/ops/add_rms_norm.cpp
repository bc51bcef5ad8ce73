// CUDA row of add_rms_norm.
#include "core/ops/add_rms_norm/add_rms_norm.h"

#include "backends/cuda/norm_args.h"

namespace tamis::cuda {
namespace {

using namespace add_rms_norm_operand;

Reason accepts(const DeviceInfo&, const OpCall& call) {
  if (Reason why = accept_norm_width(call[kX].desc.dim(1)); !why.accepted()) return why;
  const std::pair<const char*, int> operands[] = {
      {"x", kX}, {"delta", kDelta}, {"weight", kWeight}, {"sum", kSum}, {"y", kY}};
  for (const auto& [name, index] : operands)
    if (Reason why = accept_vector_rows(name, call[index]); !why.accepted()) return why;
  return accept();
}

Status launch(Queue& queue, const OpCall& call, const Scratch&) {
  auto& cuda_queue = static_cast<CudaQueue&>(queue);
  const RmsNormArgs args{.x = const_matrix(call[kX]),
                         .delta = const_matrix(call[kDelta]),
                         .sum = matrix(call[kSum]),
                         .weight = pointer<const float>(call[kWeight]),
                         .y = matrix(call[kY]),
                         .tokens = call[kX].desc.dim(0),
                         .width = static_cast<int>(call[kX].desc.dim(1)),
                         .eps = call.as<AddRmsNormParams>().eps};
  return cuda_queue.launched(rms_norm_rows(args, cuda_queue.stream()));
}

constexpr KernelRow kRows[] = {{.name = "cuda.add_rms_norm.rows_sm80",
                                .op = "add_rms_norm",
                                .families = "triton",
                                .needs = {.arch_min = 80},
                                .numerics = {.invariance = Invariance::kBatch},
                                .accepts = accepts,
                                .launch = launch}};

}  // namespace

std::span<const KernelRow> rows_add_rms_norm() { return kRows; }

}  // namespace tamis::cuda
