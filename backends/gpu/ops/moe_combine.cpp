// Portable row of moe_combine on CUDA and HIP.
#include "core/ops/moe_combine/moe_combine.h"

#include "backends/gpu/operands.h"
#include "kernels_gpu/moe_combine/launch.h"

namespace tamis::gpu {
namespace {

using namespace moe_combine_operand;

MoeCombine arguments(const OpCall& call) {
  return {.y = rows_of(call[kY]),
          .shared = rows_of(call[kShared]),
          .out = rows_of(call[kOut]),
          .row_of = ints_of(call[kRowOf]),
          .weights = data<float>(call[kWeights]),
          .weights_stride = call[kWeights].desc.stride(0),
          .tokens = call[kRowOf].desc.dim(0),
          .topk = call[kRowOf].desc.dim(1),
          .rows = call[kY].desc.dim(0),
          .width = call[kY].desc.dim(1)};
}

constexpr KernelRow kRows[] = {
    {.name = TAMIS_GPU_ROOM ".moe_combine.portable",
     .op = "moe_combine",
     .families = "portable",
     .numerics = {.invariance = Invariance::kBatch},
     .accepts = accept_any,
     .launch = launch<&arguments, &launch_moe_combine>},
};

}  // namespace

std::span<const KernelRow> rows_moe_combine() { return kRows; }

}  // namespace tamis::gpu
