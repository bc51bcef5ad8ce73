// Portable row of kv_store on CUDA and HIP.
#include "core/ops/kv_store/kv_store.h"

#include "backends/gpu/operands.h"
#include "kernels_gpu/kv_store/launch.h"

namespace tamis::gpu {
namespace {

using namespace kv_store_operand;

KvStore arguments(const OpCall& call) {
  const auto& params = call.as<KvStoreParams>();
  return {.latent = rows_of(call[kLatent]),
          .rope = rows_of(call[kKRope]),
          .slot = ints_of(call[kSlot]),
          .cache = rows_of(call[kCache]),
          .slots = call[kCache].desc.dim(0),
          .tokens = call[kLatent].desc.dim(0),
          .c = params.c,
          .r = params.r,
          .packed_fp8 = params.format == KvFormat::kPackedFp8};
}

constexpr KernelRow kRows[] = {
    {.name = TAMIS_GPU_ROOM ".kv_store.portable",
     .op = "kv_store",
     .families = "portable",
     .numerics = {.invariance = Invariance::kBatch},
     .accepts = accept_any,
     .launch = launch<&arguments, &launch_kv_store>},
};

}  // namespace

std::span<const KernelRow> rows_kv_store() { return kRows; }

}  // namespace tamis::gpu
