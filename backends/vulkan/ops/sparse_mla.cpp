// Vulkan rows of sparse_mla: shaders/sparse_mla.
#include "core/ops/sparse_mla/sparse_mla.h"

#include "backends/vulkan/latent_rows.h"

namespace tamis::vulkan {
namespace {

using namespace sparse_mla_operand;

struct SparseMla {
  using Params = SparseMlaParams;
  static constexpr const char* kName = "sparse_mla";
  static constexpr const char* kShader = "sparse_mla/portable";
  static constexpr const char* kMatrixShader = "sparse_mla/heads32_bf16_coopmat";

  static LatentOperands operands(const OpCall& call) {
    return {call[kQLatent], call[kQRope], call[kCache], call[kOut], call[kLse]};
  }

  static std::int64_t most_keys(const OpCall& call) { return call[kSlots].desc.dim(1); }

  static LatentAttention arguments(const OpCall& call) {
    const auto& params = call.as<Params>();
    LatentAttention args =
        latent_attention(operands(call), kv_cache_of(call[kCache], params.c, params.r), params.scale);
    args.slots = address(call[kSlots]);
    args.slots_stride = row_stride(call[kSlots]);
    args.entries = dim(call[kSlots], 1);
    args.length = address(call[kLength]);
    args.sink = address(call[kSink]);
    args.max_logits = address(call[kMaxLogits]);
    return args;
  }
};

constexpr auto kRows = LatentRows<SparseMla>::table({.split_matrices = "vulkan.sparse_mla.split_bf16_coopmat",
                                                     .matrices = "vulkan.sparse_mla.bf16_coopmat",
                                                     .split = "vulkan.sparse_mla.split",
                                                     .portable = "vulkan.sparse_mla.portable"});

}  // namespace

std::span<const KernelRow> rows_sparse_mla() { return kRows; }

}  // namespace tamis::vulkan
