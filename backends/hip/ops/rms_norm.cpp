// HIP row of rms_norm.
#include "core/ops/rms_norm/rms_norm.h"

#include "backends/hip/operands.h"
#include "kernels_hip/rms_norm/launch.h"

namespace tamis::hip {
namespace {

using namespace rms_norm_operand;

hip_kernels::RmsNorm arguments(const OpCall& call) {
  return {.x = rows_of(call[kX]),
          .y = rows_of(call[kY]),
          .weight = data<float>(call[kWeight]),
          .tokens = call[kX].desc.dim(0),
          .width = call[kX].desc.dim(1),
          .eps = call.as<RmsNormParams>().eps};
}

constexpr KernelRow kRows[] = {
    {.name = "hip.rms_norm.portable",
     .op = "rms_norm",
     .families = "portable",
     .numerics = {.invariance = Invariance::kBatch},
     .accepts = accept_any,
     .launch = launch<&arguments, &hip_kernels::launch_rms_norm>},
};

}  // namespace

std::span<const KernelRow> rows_rms_norm() { return kRows; }

}  // namespace tamis::hip
