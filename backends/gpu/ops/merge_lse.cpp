// Portable row of merge_lse on CUDA and HIP.
#include "core/ops/merge_lse/merge_lse.h"

#include "backends/gpu/operands.h"
#include "kernels_gpu/merge_lse/launch.h"

namespace tamis::gpu {
namespace {

using namespace merge_lse_operand;

MergeLse arguments(const OpCall& call) {
  return {.a = vectors_of(call[kA]),
          .b = vectors_of(call[kB]),
          .out = vectors_of(call[kOut]),
          .lse_a = rows_of(call[kLseA]),
          .lse_b = rows_of(call[kLseB]),
          .lse = rows_of(call[kLse]),
          .tokens = call[kA].desc.dim(0),
          .heads = call[kA].desc.dim(1),
          .width = call[kA].desc.dim(2)};
}

constexpr KernelRow kRows[] = {
    {.name = TAMIS_GPU_ROOM ".merge_lse.portable",
     .op = "merge_lse",
     .families = "portable",
     .numerics = {.invariance = Invariance::kBatch},
     .accepts = accept_any,
     .launch = launch<&arguments, &launch_merge_lse>},
};

}  // namespace

std::span<const KernelRow> rows_merge_lse() { return kRows; }

}  // namespace tamis::gpu
