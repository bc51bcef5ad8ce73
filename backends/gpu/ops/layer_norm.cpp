// Portable row of layer_norm on CUDA and HIP.
#include "core/ops/layer_norm/layer_norm.h"

#include "backends/gpu/operands.h"
#include "kernels_gpu/layer_norm/launch.h"

namespace tamis::gpu {
namespace {

using namespace layer_norm_operand;

LayerNorm arguments(const OpCall& call) {
  return {.x = rows_of(call[kX]),
          .y = rows_of(call[kY]),
          .weight = data<float>(call[kWeight]),
          .bias = data<float>(call[kBias]),
          .tokens = call[kX].desc.dim(0),
          .width = call[kX].desc.dim(1),
          .eps = call.as<LayerNormParams>().eps};
}

constexpr KernelRow kRows[] = {
    {.name = TAMIS_GPU_ROOM ".layer_norm.portable",
     .op = "layer_norm",
     .families = "portable",
     .numerics = {.invariance = Invariance::kBatch},
     .accepts = accept_any,
     .launch = launch<&arguments, &launch_layer_norm>},
};

}  // namespace

std::span<const KernelRow> rows_layer_norm() { return kRows; }

}  // namespace tamis::gpu
