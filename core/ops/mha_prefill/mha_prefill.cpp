#include "core/ops/mha_prefill/mha_prefill.h"

#include <algorithm>
#include <array>

#include "core/ops/kv_store/kv_cache_checks.h"

namespace tamis {
namespace {

using namespace mha_prefill_operand;

constexpr std::array<OperandDef, 10> kOperands{{{"q_nope", Role::kIn},
                                                {"q_rope", Role::kIn},
                                                {"k_nope", Role::kIn},
                                                {"k_rope", Role::kIn},
                                                {"v", Role::kIn},
                                                {"seq_of_token", Role::kIn},
                                                {"kv_len", Role::kIn},
                                                {"ke", Role::kIn},
                                                {"out", Role::kOut},
                                                {"lse", Role::kOut}}};

Status infer(const void* params, std::span<TensorDesc> d) {
  const auto& p = *static_cast<const MhaPrefillParams*>(params);
  constexpr const char* kOp = "mha_prefill";
  constexpr Elements kAct = Elements::kActivation;
  TAMIS_RETURN_IF_ERROR(check_out_dtype(kOp, p.out));
  TAMIS_RETURN_IF_ERROR(expect(kOp, "q_nope", kAct, {kAnyDim, kAnyDim, kAnyDim}, d[kQNope]));
  const std::int64_t tokens = d[kQNope].dim(0), heads = d[kQNope].dim(1), nope = d[kQNope].dim(2);
  TAMIS_RETURN_IF_ERROR(expect(kOp, "q_rope", kAct, {tokens, heads, kAnyDim}, d[kQRope]));
  TAMIS_RETURN_IF_ERROR(expect(kOp, "k_nope", kAct, {kAnyDim, heads, nope}, d[kKNope]));
  const std::int64_t keys = d[kKNope].dim(0);
  TAMIS_RETURN_IF_ERROR(expect(kOp, "k_rope", kAct, {keys, d[kQRope].dim(2)}, d[kKRope]));
  TAMIS_RETURN_IF_ERROR(expect(kOp, "v", kAct, {keys, heads, kAnyDim}, d[kV]));
  TAMIS_RETURN_IF_ERROR(expect(kOp, "seq_of_token", Elements::kI32, {tokens}, d[kSeqOfToken]));
  TAMIS_RETURN_IF_ERROR(expect(kOp, "kv_len", Elements::kI32, {kAnyDim}, d[kKvLen]));
  TAMIS_RETURN_IF_ERROR(expect(kOp, "ke", Elements::kI32, {tokens}, d[kKe]));
  TAMIS_RETURN_IF_ERROR(set_output(kOp, "out", {p.out, {tokens, heads, d[kV].dim(2)}}, d[kOut]));
  return set_output(kOp, "lse", {DType::kF32, {tokens, heads}}, d[kLse]);
}

double flops(const OpCall& call) {
  const TensorDesc& q = call[kQNope].desc;
  const double tokens = static_cast<double>(q.dim(0)), keys = static_cast<double>(call[kKNope].desc.dim(0));
  const double before = std::max(0.0, keys - tokens);
  const double pairs = tokens * before + tokens * (tokens + 1) / 2;
  const std::int64_t width = q.dim(2) + call[kQRope].desc.dim(2) + call[kV].desc.dim(2);
  return 2.0 * pairs * static_cast<double>(q.dim(1) * width);
}

}  // namespace

const OpDef op::mha_prefill{
    .name = "mha_prefill",
    .params_size = sizeof(MhaPrefillParams),
    .operands = kOperands,
    .infer = infer,
    .flops = flops,
    .bytes = operand_bytes,
    .decompose = nullptr,
    .tolerance = kAttentionTolerance,
    .per_token = operand_bits({mha_prefill_operand::kQNope, mha_prefill_operand::kQRope,
                               mha_prefill_operand::kSeqOfToken, mha_prefill_operand::kKe,
                               mha_prefill_operand::kOut, mha_prefill_operand::kLse}),
};

}  // namespace tamis
