// Portable row of index_k_store on CUDA and HIP.
#include "core/ops/index_k_store/index_k_store.h"

#include "backends/gpu/operands.h"
#include "kernels_gpu/index_k_store/launch.h"

namespace tamis::gpu {
namespace {

using namespace index_k_store_operand;

IndexKStore arguments(const OpCall& call) {
  const auto& params = call.as<IndexKStoreParams>();
  const Tensor &k = call[kK], &scale = call[kScale];
  return {.k = rows_of(k),
          .scale = scale.present() ? data<float>(scale) : nullptr,
          .scale_stride = scale.present() ? scale.desc.stride(0) : 0,
          .slot = ints_of(call[kSlot]),
          .cache = index_cache_of(call[kCache], params.format, params.page_size, k.desc.dim(1)),
          .tokens = k.desc.dim(0)};
}

constexpr KernelRow kRows[] = {
    {.name = TAMIS_GPU_ROOM ".index_k_store.portable",
     .op = "index_k_store",
     .families = "portable",
     .numerics = {.invariance = Invariance::kBatch},
     .accepts = accept_any,
     .launch = launch<&arguments, &launch_index_k_store>},
};

}  // namespace

std::span<const KernelRow> rows_index_k_store() { return kRows; }

}  // namespace tamis::gpu
