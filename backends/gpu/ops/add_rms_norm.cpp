// Portable row of add_rms_norm on CUDA and HIP.
#include "core/ops/add_rms_norm/add_rms_norm.h"

#include "backends/gpu/operands.h"
#include "kernels_gpu/add_rms_norm/launch.h"

namespace tamis::gpu {
namespace {

using namespace add_rms_norm_operand;

AddRmsNorm arguments(const OpCall& call) {
  return {.x = rows_of(call[kX]),
          .delta = rows_of(call[kDelta]),
          .sum = rows_of(call[kSum]),
          .y = rows_of(call[kY]),
          .weight = data<float>(call[kWeight]),
          .tokens = call[kX].desc.dim(0),
          .width = call[kX].desc.dim(1),
          .eps = call.as<AddRmsNormParams>().eps};
}

constexpr KernelRow kRows[] = {
    {.name = TAMIS_GPU_ROOM ".add_rms_norm.portable",
     .op = "add_rms_norm",
     .families = "portable",
     .numerics = {.invariance = Invariance::kBatch},
     .accepts = accept_any,
     .launch = launch<&arguments, &launch_add_rms_norm>},
};

}  // namespace

std::span<const KernelRow> rows_add_rms_norm() { return kRows; }

}  // namespace tamis::gpu
