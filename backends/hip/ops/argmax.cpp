// HIP row of argmax.
#include "core/ops/argmax/argmax.h"

#include "backends/hip/operands.h"
#include "kernels_hip/argmax/launch.h"

namespace tamis::hip {
namespace {

using namespace argmax_operand;

Reason accepts(const DeviceInfo&, const OpCall& call) {
  const TensorDesc& logits = call[kLogits].desc;
  if (!is_activation(logits.dtype))
    return reason::dtype("logits", dtype_name(logits.dtype), "f32, bf16, f16");
  return logits.dim(1) <= 0x7fffffff ? accept() : reason::size("V", logits.dim(1), "up to 2^31 - 1");
}

hip_kernels::Argmax arguments(const OpCall& call) {
  return {.logits = rows_of(call[kLogits]),
          .token = ints_of(call[kToken]),
          .rows = call[kLogits].desc.dim(0),
          .width = call[kLogits].desc.dim(1)};
}

constexpr KernelRow kRows[] = {
    {.name = "hip.argmax.portable",
     .op = "argmax",
     .families = "portable",
     .numerics = {.invariance = Invariance::kBatch},
     .accepts = accepts,
     .launch = launch<&arguments, &hip_kernels::launch_argmax>},
};

}  // namespace

std::span<const KernelRow> rows_argmax() { return kRows; }

}  // namespace tamis::hip
