// Portable row of rope on CUDA and HIP.
#include "core/ops/rope/rope.h"

#include "backends/gpu/operands.h"
#include "kernels_gpu/rope/launch.h"

namespace tamis::gpu {
namespace {

using namespace rope_operand;

Rope arguments(const OpCall& call) {
  const auto& params = call.as<RopeParams>();
  return {.x = vectors_of(call[kX]),
          .y = vectors_of(call[kY]),
          .positions = ints_of(call[kPositions]),
          .inv_freq = data<float>(call[kInvFreq]),
          .tokens = call[kX].desc.dim(0),
          .heads = heads_of(call[kX]),
          .width = call[kX].desc.dim(-1),
          .half = call[kInvFreq].desc.dim(0),
          .begin = params.begin,
          .interleaved = params.pairing == RopePairing::kInterleaved,
          .magnitude = params.magnitude};
}

constexpr KernelRow kRows[] = {
    {.name = TAMIS_GPU_ROOM ".rope.portable",
     .op = "rope",
     .families = "portable",
     .numerics = {.invariance = Invariance::kBatch},
     .accepts = accept_any,
     .launch = launch<&arguments, &launch_rope>},
};

}  // namespace

std::span<const KernelRow> rows_rope() { return kRows; }

}  // namespace tamis::gpu
