// What the rows of dense_mla share: a call as its kernels take it.
#pragma once

#include "core/ops/dense_mla/dense_mla.h"

#include "backends/gpu/latent_attention.h"

namespace tamis::gpu {

struct DenseMlaCall {
  static constexpr const char* kName = "dense_mla";

  static LatentAttention arguments(const OpCall& call) {
    using namespace dense_mla_operand;
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
  static std::int64_t most_keys(const OpCall& call) {
    using namespace dense_mla_operand;
    return call[kPageTable].desc.dim(1) * call.as<DenseMlaParams>().page_size;
  }
};

}  // namespace tamis::gpu
