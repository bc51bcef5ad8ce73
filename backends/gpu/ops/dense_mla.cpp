// Portable rows of dense_mla on CUDA and HIP. `split` deals the keys of a token to several blocks; how many
// depends on the number of tokens, so its sums do, too.
#include "core/ops/dense_mla/dense_mla.h"

#include "backends/gpu/latent_attention.h"
#include "kernels_gpu/dense_mla/launch.h"

namespace tamis::gpu {
namespace {

using namespace dense_mla_operand;

LatentAttention arguments(const OpCall& call) {
  const auto& params = call.as<DenseMlaParams>();
  return {.q_latent = vectors_of(call[kQLatent]),
          .q_rope = vectors_of(call[kQRope]),
          .cache = kv_cache_of(call[kCache], params.format, params.c, params.r),
          .table = page_table_of(call[kPageTable], params.page_size),
          .sequence = ints_of(call[kSeqOfToken]),
          .ke = ints_of(call[kKe]),
          .out = vectors_of(call[kOut]),
          .lse = data<float>(call[kLse]),
          .tokens = call[kQLatent].desc.dim(0),
          .heads = call[kQLatent].desc.dim(1),
          .scale = params.scale};
}

std::int64_t most_keys(const OpCall& call) {
  return call[kPageTable].desc.dim(1) * call.as<DenseMlaParams>().page_size;
}

constexpr KernelRow kRows[] = {
    {.name = TAMIS_GPU_ROOM ".dense_mla.split",
     .op = "dense_mla",
     .families = "portable",
     .accepts = accept_any,
     .prefers = prefers_split<&most_keys>,
     .workspace = split_workspace<&most_keys>,
     .launch = launch_split<&arguments, &launch_dense_mla>},
    {.name = TAMIS_GPU_ROOM ".dense_mla.portable",
     .op = "dense_mla",
     .families = "portable",
     .numerics = {.invariance = Invariance::kBatch},
     .accepts = accept_any,
     .launch = launch<&arguments, &launch_dense_mla>},
};

}  // namespace

std::span<const KernelRow> rows_dense_mla() { return kRows; }

}  // namespace tamis::gpu
