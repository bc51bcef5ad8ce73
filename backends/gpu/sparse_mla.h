// What the rows of sparse_mla share: a call as its kernels take it.
#pragma once

#include "core/ops/sparse_mla/sparse_mla.h"

#include "backends/gpu/latent_attention.h"

namespace tamis::gpu {

struct SparseMlaCall {
  static constexpr const char* kName = "sparse_mla";

  static LatentAttention arguments(const OpCall& call) {
    using namespace sparse_mla_operand;
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
  static std::int64_t most_keys(const OpCall& call) {
    using namespace sparse_mla_operand;
    return call[kSlots].desc.dim(1);
  }
};

}  // namespace tamis::gpu
