// Portable row of residual_add on CUDA and HIP.
#include "core/ops/residual_add/residual_add.h"

#include "backends/gpu/operands.h"
#include "kernels_gpu/residual_add/launch.h"

namespace tamis::gpu {
namespace {

using namespace residual_add_operand;

ResidualAdd arguments(const OpCall& call) {
  return {.x = rows_of(call[kX]),
          .delta = rows_of(call[kDelta]),
          .y = rows_of(call[kY]),
          .tokens = call[kX].desc.dim(0),
          .width = call[kX].desc.dim(1)};
}

constexpr KernelRow kRows[] = {
    {.name = TAMIS_GPU_ROOM ".residual_add.portable",
     .op = "residual_add",
     .families = "portable",
     .numerics = {.invariance = Invariance::kBatch},
     .accepts = accept_any,
     .launch = launch<&arguments, &launch_residual_add>},
};

}  // namespace

std::span<const KernelRow> rows_residual_add() { return kRows; }

}  // namespace tamis::gpu
