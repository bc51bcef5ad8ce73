// Portable rows of sparse_mla on CUDA and HIP. `split` deals the keys of a token to several blocks; how many
// depends on the number of tokens, so its sums do, too.
#include "core/ops/sparse_mla/sparse_mla.h"

#include "backends/gpu/latent_attention.h"
#include "kernels_gpu/sparse_mla/launch.h"

namespace tamis::gpu {
namespace {

using namespace sparse_mla_operand;

LatentAttention arguments(const OpCall& call) {
  const auto& params = call.as<SparseMlaParams>();
  return {.q_latent = vectors_of(call[kQLatent]),
          .q_rope = vectors_of(call[kQRope]),
          .cache = kv_cache_of(call[kCache], params.format, params.c, params.r),
          .slots = ints_of(call[kSlots]),
          .length = ints_of(call[kLength]),
          .k = call[kSlots].desc.dim(1),
          .sink = data<float>(call[kSink]),
          .out = vectors_of(call[kOut]),
          .lse = data<float>(call[kLse]),
          .max_logits = data<float>(call[kMaxLogits]),
          .tokens = call[kQLatent].desc.dim(0),
          .heads = call[kQLatent].desc.dim(1),
          .scale = params.scale};
}

std::int64_t most_keys(const OpCall& call) { return call[kSlots].desc.dim(1); }

constexpr KernelRow kRows[] = {
    {.name = TAMIS_GPU_ROOM ".sparse_mla.split",
     .op = "sparse_mla",
     .families = "portable",
     .accepts = accept_any,
     .prefers = prefers_split<&most_keys>,
     .workspace = split_workspace<&most_keys>,
     .launch = launch_split<&arguments, &launch_sparse_mla>},
    {.name = TAMIS_GPU_ROOM ".sparse_mla.portable",
     .op = "sparse_mla",
     .families = "portable",
     .numerics = {.invariance = Invariance::kBatch},
     .accepts = accept_any,
     .launch = launch<&arguments, &launch_sparse_mla>},
};

}  // namespace

std::span<const KernelRow> rows_sparse_mla() { return kRows; }

}  // namespace tamis::gpu
