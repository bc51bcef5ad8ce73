// HIP row of kv_store.
#include "core/ops/kv_store/kv_store.h"

#include "backends/hip/operands.h"
#include "kernels_hip/kv_store/launch.h"

namespace tamis::hip {
namespace {

using namespace kv_store_operand;

hip_kernels::KvStore arguments(const OpCall& call) {
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
    {.name = "hip.kv_store.portable",
     .op = "kv_store",
     .families = "portable",
     .numerics = {.invariance = Invariance::kBatch},
     .accepts = accept_any,
     .launch = launch<&arguments, &hip_kernels::launch_kv_store>},
};

}  // namespace

std::span<const KernelRow> rows_kv_store() { return kRows; }

}  // namespace tamis::hip
