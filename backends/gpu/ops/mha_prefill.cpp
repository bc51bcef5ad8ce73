// Portable row of mha_prefill on CUDA and HIP.
#include "core/ops/mha_prefill/mha_prefill.h"

#include "backends/gpu/operands.h"
#include "kernels_gpu/mha_prefill/launch.h"

namespace tamis::gpu {
namespace {

using namespace mha_prefill_operand;

MhaPrefill arguments(const OpCall& call) {
  return {.q_nope = vectors_of(call[kQNope]),
          .q_rope = vectors_of(call[kQRope]),
          .k_nope = vectors_of(call[kKNope]),
          .k_rope = rows_of(call[kKRope]),
          .v = vectors_of(call[kV]),
          .sequence = ints_of(call[kSeqOfToken]),
          .lengths = ints_of(call[kKvLen]),
          .ke = ints_of(call[kKe]),
          .sequences = call[kKvLen].desc.dim(0),
          .out = vectors_of(call[kOut]),
          .lse = data<float>(call[kLse]),
          .tokens = call[kQNope].desc.dim(0),
          .heads = call[kQNope].desc.dim(1),
          .rows = call[kKNope].desc.dim(0),
          .nope = call[kQNope].desc.dim(2),
          .rope = call[kQRope].desc.dim(2),
          .value = call[kV].desc.dim(2),
          .scale = call.as<MhaPrefillParams>().scale};
}

constexpr KernelRow kRows[] = {
    {.name = TAMIS_GPU_ROOM ".mha_prefill.portable",
     .op = "mha_prefill",
     .families = "portable",
     .numerics = {.invariance = Invariance::kBatch},
     .accepts = accept_any,
     .launch = launch<&arguments, &launch_mha_prefill>},
};

}  // namespace

std::span<const KernelRow> rows_mha_prefill() { return kRows; }

}  // namespace tamis::gpu
