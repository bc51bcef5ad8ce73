// Vulkan rows of dense_mla: shaders/dense_mla. `split` deals the keys of a token to several work groups; how
// many depends on the number of tokens, so its sums do, too.
#include "core/ops/dense_mla/dense_mla.h"

#include "backends/vulkan/latent_attention_coopmat.h"

namespace tamis::vulkan {
namespace {

using namespace dense_mla_operand;

LatentOperands operands(const OpCall& call) {
  return {call[kQLatent], call[kQRope], call[kCache], call[kOut], call[kLse]};
}

Reason accepts(const DeviceInfo& device, const OpCall& call) { return accept_latent(device, operands(call)); }

constexpr const char* kMatrixShader = "dense_mla/heads32_bf16_coopmat";

Reason accepts_matrices(const DeviceInfo& device, const OpCall& call) {
  return accept_latent_matrices(device, operands(call), call.as<DenseMlaParams>().format, kMatrixShader);
}

std::int64_t most_keys(const OpCall& call) {
  return call[kPageTable].desc.dim(1) * call.as<DenseMlaParams>().page_size;
}

LatentAttention arguments_of(const OpCall& call) {
  const auto& params = call.as<DenseMlaParams>();
  LatentAttention args =
      latent_attention(operands(call), kv_cache_of(call[kCache], params.c, params.r), params.scale);
  args.table = page_table_of(call[kPageTable], params.page_size);
  args.sequence = address(call[kSeqOfToken]);
  args.ke = address(call[kKe]);
  return args;
}

Status launch(Queue& queue, const OpCall& call, const Scratch& scratch) {
  VulkanQueue& recorder = as_vulkan(queue);
  TAMIS_RETURN_IF_ERROR(recorder.begin_launch(call, scratch));
  LatentAttention args = arguments_of(call);
  use_parts(scratch, call[kQLatent].desc, args);
  return dispatch_latent(recorder, "dense_mla/portable", operands(call), call.as<DenseMlaParams>().format,
                         args);
}

Status launch_matrices(Queue& queue, const OpCall& call, const Scratch& scratch) {
  VulkanQueue& recorder = as_vulkan(queue);
  TAMIS_RETURN_IF_ERROR(recorder.begin_launch(call, scratch));
  LatentAttention args = arguments_of(call);
  use_parts(scratch, call[kQLatent].desc, args);
  return dispatch_latent_matrices(recorder, kMatrixShader, operands(call), call.as<DenseMlaParams>().format,
                                  args);
}

constexpr KernelRow kRows[] = {
    {.name = "vulkan.dense_mla.split_bf16_coopmat",
     .op = "dense_mla",
     .families = "coopmat",
     .needs = kNeedsBf16Matrices,
     .numerics = {.accuracy = "bf16"},
     .accepts = accepts_matrices,
     .prefers = prefers_matrix_split<&most_keys>,
     .workspace = matrix_workspace<&most_keys>,
     .launch = launch_matrices},
    {.name = "vulkan.dense_mla.bf16_coopmat",
     .op = "dense_mla",
     .families = "coopmat",
     .needs = kNeedsBf16Matrices,
     .numerics = {.accuracy = "bf16", .invariance = Invariance::kBatch},
     .accepts = accepts_matrices,
     .launch = launch_matrices},
    {.name = "vulkan.dense_mla.split",
     .op = "dense_mla",
     .families = "portable",
     .needs = kNeeds,
     .accepts = accepts,
     .prefers = prefers_split<&most_keys>,
     .workspace = split_workspace<&most_keys>,
     .launch = launch},
    {.name = "vulkan.dense_mla.portable",
     .op = "dense_mla",
     .families = "portable",
     .needs = kNeeds,
     .numerics = {.invariance = Invariance::kBatch},
     .accepts = accepts,
     .launch = launch},
};

}  // namespace

std::span<const KernelRow> rows_dense_mla() { return kRows; }

}  // namespace tamis::vulkan
