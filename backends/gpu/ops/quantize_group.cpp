// Portable row of quantize_group on CUDA and HIP.
#include "core/ops/quantize_group/quantize_group.h"

#include "backends/gpu/operands.h"
#include "kernels_gpu/quantize_group/launch.h"

namespace tamis::gpu {
namespace {

using namespace quantize_group_operand;

QuantizeGroup arguments(const OpCall& call) {
  const auto& params = call.as<QuantizeGroupParams>();
  return {.x = vectors_of(call[kX]),
          .codes = vectors_of(call[kCodes]),
          .scales = data<float>(call[kScales]),
          .tokens = call[kX].desc.dim(0),
          .heads = heads_of(call[kX]),
          .width = call[kX].desc.dim(-1),
          .group = params.group,
          .pow2 = params.pow2};
}

constexpr KernelRow kRows[] = {
    {.name = TAMIS_GPU_ROOM ".quantize_group.portable",
     .op = "quantize_group",
     .families = "portable",
     .numerics = {.invariance = Invariance::kBatch},
     .accepts = accept_any,
     .launch = launch<&arguments, &launch_quantize_group>},
};

}  // namespace

std::span<const KernelRow> rows_quantize_group() { return kRows; }

}  // namespace tamis::gpu
