// Portable row of silu_mul on CUDA and HIP.
#include "core/ops/silu_mul/silu_mul.h"

#include "backends/gpu/operands.h"
#include "kernels_gpu/silu_mul/launch.h"

namespace tamis::gpu {
namespace {

using namespace silu_mul_operand;

SiluMul arguments(const OpCall& call) {
  return {.x = rows_of(call[kX]),
          .y = rows_of(call[kY]),
          .tokens = call[kY].desc.dim(0),
          .width = call[kY].desc.dim(1)};
}

constexpr KernelRow kRows[] = {
    {.name = TAMIS_GPU_ROOM ".silu_mul.portable",
     .op = "silu_mul",
     .families = "portable",
     .numerics = {.invariance = Invariance::kBatch},
     .accepts = accept_any,
     .launch = launch<&arguments, &launch_silu_mul>},
};

}  // namespace

std::span<const KernelRow> rows_silu_mul() { return kRows; }

}  // namespace tamis::gpu
