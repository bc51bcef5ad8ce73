// Portable row of kv_gather on CUDA and HIP.
#include "core/ops/kv_gather/kv_gather.h"

#include "backends/gpu/operands.h"
#include "kernels_gpu/kv_gather/launch.h"

namespace tamis::gpu {
namespace {

using namespace kv_gather_operand;

KvGather arguments(const OpCall& call) {
  const auto& params = call.as<KvGatherParams>();
  return {.cache = kv_cache_of(call[kCache], params.format, params.c, params.r),
          .table = page_table_of(call[kPageTable], params.page_size),
          .lengths = ints_of(call[kKvLen]),
          .latent = rows_of(call[kLatent]),
          .rope = rows_of(call[kKRope]),
          .total = params.total};
}

constexpr KernelRow kRows[] = {
    {.name = TAMIS_GPU_ROOM ".kv_gather.portable",
     .op = "kv_gather",
     .families = "portable",
     .numerics = {.invariance = Invariance::kBatch},
     .accepts = accept_any,
     .launch = launch<&arguments, &launch_kv_gather>},
};

}  // namespace

std::span<const KernelRow> rows_kv_gather() { return kRows; }

}  // namespace tamis::gpu
