// Vulkan rows of dense_mla: shaders/dense_mla.
#include "core/ops/dense_mla/dense_mla.h"

#include "backends/vulkan/latent_rows.h"

namespace tamis::vulkan {
namespace {

using namespace dense_mla_operand;

struct DenseMla {
  using Params = DenseMlaParams;
  static constexpr const char* kName = "dense_mla";
  static constexpr const char* kShader = "dense_mla/portable";
  static constexpr const char* kMatrixShader = "dense_mla/heads32_bf16_coopmat";

  static LatentOperands operands(const OpCall& call) {
    return {call[kQLatent], call[kQRope], call[kCache], call[kOut], call[kLse]};
  }

  static std::int64_t most_keys(const OpCall& call) {
    return call[kPageTable].desc.dim(1) * call.as<Params>().page_size;
  }

  static LatentAttention arguments(const OpCall& call) {
    const auto& params = call.as<Params>();
    LatentAttention args =
        latent_attention(operands(call), kv_cache_of(call[kCache], params.c, params.r), params.scale);
    args.table = page_table_of(call[kPageTable], params.page_size);
    args.sequence = address(call[kSeqOfToken]);
    args.ke = address(call[kKe]);
    return args;
  }
};

constexpr auto kRows = LatentRows<DenseMla>::table({.split_matrices = "vulkan.dense_mla.split_bf16_coopmat",
                                                    .matrices = "vulkan.dense_mla.bf16_coopmat",
                                                    .split = "vulkan.dense_mla.split",
                                                    .portable = "vulkan.dense_mla.portable"});

}  // namespace

std::span<const KernelRow> rows_dense_mla() { return kRows; }

}  // namespace tamis::vulkan
