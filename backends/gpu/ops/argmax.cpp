// Portable row of argmax on CUDA and HIP.
#include "core/ops/argmax/argmax.h"

#include "backends/gpu/operands.h"
#include "kernels_gpu/argmax/launch.h"

namespace tamis::gpu {
namespace {

using namespace argmax_operand;

Reason accepts(const DeviceInfo&, const OpCall& call) {
  const TensorDesc& logits = call[kLogits].desc;
  if (!is_activation(logits.dtype))
    return reason::dtype("logits", dtype_name(logits.dtype), "f32, bf16, f16");
  return logits.dim(1) <= 0x7fffffff ? accept() : reason::size("V", logits.dim(1), "up to 2^31 - 1");
}

Argmax arguments(const OpCall& call) {
  return {.logits = rows_of(call[kLogits]),
          .token = ints_of(call[kToken]),
          .rows = call[kLogits].desc.dim(0),
          .width = call[kLogits].desc.dim(1)};
}

constexpr KernelRow kRows[] = {
    {.name = TAMIS_GPU_ROOM ".argmax.portable",
     .op = "argmax",
     .families = "portable",
     .numerics = {.invariance = Invariance::kBatch},
     .accepts = accepts,
     .launch = launch<&arguments, &launch_argmax>},
};

}  // namespace

std::span<const KernelRow> rows_argmax() { return kRows; }

}  // namespace tamis::gpu
