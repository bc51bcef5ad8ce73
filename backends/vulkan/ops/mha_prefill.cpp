// Vulkan row of mha_prefill: shaders/mha_prefill/portable.comp, a work group per head and 16 tokens.
#include "core/ops/mha_prefill/mha_prefill.h"

#include "backends/vulkan/latent_attention.h"

namespace tamis::vulkan {
namespace {

using namespace mha_prefill_operand;

// Tokens of a work group. Not by the number of tokens: the order in which a score is summed depends on it.
constexpr std::uint32_t kRowsPerGroup = 16;

struct Arguments {
  VectorArguments q_nope, q_rope, k_nope, k_rope, v, out;
  std::uint64_t sequence, lengths, ke, lse;
  std::uint32_t tokens, heads, rows, sequences, nope, rope, columns;
  float scale;
};
static_assert(sizeof(Arguments) > kPushBytes, "the shader takes them by address");

Reason accepts(const DeviceInfo& device, const OpCall& call) {
  Reason bad = accept_shared(device, kAttentionShared);
  return bad.accepted() ? accept_width("S", call[kKNope].desc.dim(0)) : bad;
}

Arguments arguments_of(const OpCall& call) {
  const Tensor &q = call[kQNope], &v = call[kV];
  return {vectors_of(q),
          vectors_of(call[kQRope]),
          vectors_of(call[kKNope]),
          vectors_of(call[kKRope]),
          vectors_of(v),
          vectors_of(call[kOut]),
          address(call[kSeqOfToken]),
          address(call[kKvLen]),
          address(call[kKe]),
          address(call[kLse]),
          dim(q, 0),
          dim(q, 1),
          dim(call[kKNope], 0),
          dim(call[kKvLen], 0),
          dim(q, 2),
          dim(call[kQRope], 2),
          dim(v, 2),
          call.as<MhaPrefillParams>().scale};
}

Status launch(Queue& queue, const OpCall& call, const Scratch& scratch) {
  VulkanQueue& recorder = as_vulkan(queue);
  TAMIS_RETURN_IF_ERROR(recorder.begin_launch(call, scratch));
  const TensorDesc& q = call[kQNope].desc;
  const std::int64_t columns = call[kV].desc.dim(2);
  const Kernel kernel{"mha_prefill/portable",
                      {kRowsPerGroup, attention_width(columns), type_of(call[kQNope]), type_of(call[kQRope]),
                       type_of(call[kKNope]), type_of(call[kKRope]), type_of(call[kV]), type_of(call[kOut])}};
  const std::int64_t groups =
      (q.dim(0) + kRowsPerGroup - 1) / kRowsPerGroup * q.dim(1) * attention_column_blocks(columns);
  return recorder.dispatch(kernel, arguments_of(call), groups);
}

constexpr KernelRow kRows[] = {{.name = "vulkan.mha_prefill.portable",
                                .op = "mha_prefill",
                                .families = "portable",
                                .needs = kNeeds,
                                .numerics = {.invariance = Invariance::kBatch},
                                .accepts = accepts,
                                .launch = launch}};

}  // namespace

std::span<const KernelRow> rows_mha_prefill() { return kRows; }

}  // namespace tamis::vulkan
