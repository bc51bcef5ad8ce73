// Portable row of mla_rope_store on CUDA and HIP.
#include "core/ops/mla_rope_store/mla_rope_store.h"

#include "backends/gpu/operands.h"
#include "kernels_gpu/mla_rope_store/launch.h"

namespace tamis::gpu {
namespace {

using namespace mla_rope_store_operand;

Rope rope_of(const OpCall& call) {
  return {.x = vectors_of(call[kQRope]),
          .y = vectors_of(call[kQOut]),
          .positions = ints_of(call[kPositions]),
          .inv_freq = data<float>(call[kInvFreq]),
          .tokens = call[kQRope].desc.dim(0),
          .heads = call[kQRope].desc.dim(1),
          .width = call[kQRope].desc.dim(2),
          .half = call[kInvFreq].desc.dim(0)};
}

MlaRopeStore arguments(const OpCall& call) {
  const auto& params = call.as<MlaRopeStoreParams>();
  return {.q = rope_of(call),
          .kv = rows_of(call[kKvA]),
          .norm_weight = data<float>(call[kNormWeight]),
          .slot = ints_of(call[kSlot]),
          .cache = kv_cache_of(call[kCache], params.format, params.c, params.r),
          .eps = params.eps};
}

constexpr KernelRow kRows[] = {
    {.name = TAMIS_GPU_ROOM ".mla_rope_store.portable",
     .op = "mla_rope_store",
     .families = "portable",
     .numerics = {.invariance = Invariance::kBatch},
     .accepts = accept_any,
     .launch = launch<&arguments, &launch_mla_rope_store>},
};

}  // namespace

std::span<const KernelRow> rows_mla_rope_store() { return kRows; }

}  // namespace tamis::gpu
