// Portable row of cast on CUDA and HIP.
#include "core/ops/cast/cast.h"

#include "backends/gpu/planes.h"
#include "kernels_gpu/cast/launch.h"

namespace tamis::gpu {
namespace {

using namespace cast_operand;

Cast arguments(const OpCall& call) {
  return {.x = planes_of(call[kX]),
          .y = planes_of(call[kY]),
          .rows = row_count(call[kX].desc),
          .width = call[kX].desc.dim(-1)};
}

constexpr KernelRow kRows[] = {
    {.name = TAMIS_GPU_ROOM ".cast.portable",
     .op = "cast",
     .families = "portable",
     .numerics = {.invariance = Invariance::kBatch},
     .accepts = accept_any,
     .launch = launch<&arguments, &launch_cast>},
};

}  // namespace

std::span<const KernelRow> rows_cast() { return kRows; }

}  // namespace tamis::gpu
