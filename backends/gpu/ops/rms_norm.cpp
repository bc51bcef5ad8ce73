// Portable row of rms_norm on CUDA and HIP.
#include "core/ops/rms_norm/rms_norm.h"

#include "backends/gpu/operands.h"
#include "kernels_gpu/rms_norm/launch.h"

namespace tamis::gpu {
namespace {

using namespace rms_norm_operand;

RmsNorm arguments(const OpCall& call) {
  return {.x = rows_of(call[kX]),
          .y = rows_of(call[kY]),
          .weight = data<float>(call[kWeight]),
          .tokens = call[kX].desc.dim(0),
          .width = call[kX].desc.dim(1),
          .eps = call.as<RmsNormParams>().eps};
}

constexpr KernelRow kRows[] = {
    {.name = TAMIS_GPU_ROOM ".rms_norm.portable",
     .op = "rms_norm",
     .families = "portable",
     .numerics = {.invariance = Invariance::kBatch},
     .accepts = accept_any,
     .launch = launch<&arguments, &launch_rms_norm>},
};

}  // namespace

std::span<const KernelRow> rows_rms_norm() { return kRows; }

}  // namespace tamis::gpu
