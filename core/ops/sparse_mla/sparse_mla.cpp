#include "core/ops/sparse_mla/sparse_mla.h"

#include <array>

#include "core/ops/kv_store/kv_cache_checks.h"

namespace tamis {
namespace {

using namespace sparse_mla_operand;

constexpr std::array<OperandDef, 9> kOperands{{{"q_latent", Role::kIn},
                                               {"q_rope", Role::kIn},
                                               {"cache", Role::kIn},
                                               {"slots", Role::kIn},
                                               {"length", Role::kIn, true},
                                               {"sink", Role::kWeight, true},
                                               {"out", Role::kOut},
                                               {"lse", Role::kOut},
                                               {"max_logits", Role::kOut, true}}};

Status infer(const void* params, std::span<TensorDesc> d) {
  const auto& p = *static_cast<const SparseMlaParams*>(params);
  constexpr const char* kOp = "sparse_mla";
  TAMIS_RETURN_IF_ERROR(check_kv_cache(kOp, {p.format, p.c, p.r}, d[kCache]));
  TAMIS_RETURN_IF_ERROR(check_out_dtype(kOp, p.out));
  TAMIS_RETURN_IF_ERROR(expect(kOp, "q_latent", Elements::kActivation, {kAnyDim, kAnyDim, p.c}, d[kQLatent]));
  const std::int64_t tokens = d[kQLatent].dim(0), heads = d[kQLatent].dim(1);
  TAMIS_RETURN_IF_ERROR(expect(kOp, "q_rope", Elements::kActivation, {tokens, heads, p.r}, d[kQRope]));
  TAMIS_RETURN_IF_ERROR(expect(kOp, "slots", Elements::kI32, {tokens, kAnyDim}, d[kSlots]));
  TAMIS_RETURN_IF_ERROR(expect_optional(kOp, "length", Elements::kI32, {tokens}, d[kLength]));
  TAMIS_RETURN_IF_ERROR(expect_optional(kOp, "sink", Elements::kF32, {heads}, d[kSink]));
  TAMIS_RETURN_IF_ERROR(set_output(kOp, "out", {p.out, {tokens, heads, p.c}}, d[kOut]));
  const TensorDesc per_head(DType::kF32, {tokens, heads});
  TAMIS_RETURN_IF_ERROR(set_output(kOp, "lse", per_head, d[kLse]));
  return wanted(d[kMaxLogits]) ? set_output(kOp, "max_logits", per_head, d[kMaxLogits]) : Status{};
}

double flops(const OpCall& call) {
  const auto& p = call.as<SparseMlaParams>();
  const TensorDesc& q = call[kQLatent].desc;
  return 2.0 * static_cast<double>(q.dim(0) * q.dim(1)) * static_cast<double>(call[kSlots].desc.dim(1)) *
         static_cast<double>(2 * p.c + p.r);
}

// The cache counts as T k gathered rows.
double bytes(const OpCall& call) {
  const auto size = [&](int i) {
    const TensorDesc& desc = call[i].desc;
    if (desc.rank <= 0) return 0.0;
    return static_cast<double>(desc.elements()) * static_cast<double>(dtype_size(desc.dtype));
  };
  const TensorDesc& cache = call[kCache].desc;
  const double row = static_cast<double>(cache.dim(1)) * static_cast<double>(dtype_size(cache.dtype));
  double total = static_cast<double>(call[kSlots].desc.elements()) * row;
  for (int i : {kQLatent, kQRope, kSlots, kLength, kSink, kOut, kLse, kMaxLogits}) total += size(i);
  return total;
}

}  // namespace

const OpDef op::sparse_mla{
    .name = "sparse_mla",
    .params_size = sizeof(SparseMlaParams),
    .operands = kOperands,
    .infer = infer,
    .flops = flops,
    .bytes = bytes,
    .decompose = nullptr,
    .tolerance = kAttentionTolerance,
    .per_token =
        operand_bits({sparse_mla_operand::kQLatent, sparse_mla_operand::kQRope, sparse_mla_operand::kSlots,
                      sparse_mla_operand::kLength, sparse_mla_operand::kOut, sparse_mla_operand::kLse,
                      sparse_mla_operand::kMaxLogits}),
};

}  // namespace tamis
