#include "core/ops/dense_mla/dense_mla.h"

#include <algorithm>
#include <array>

#include "core/ops/kv_store/kv_cache_checks.h"

namespace tamis {
namespace {

using namespace dense_mla_operand;

constexpr std::array<OperandDef, 8> kOperands{{{"q_latent", Role::kIn},
                                               {"q_rope", Role::kIn},
                                               {"cache", Role::kIn},
                                               {"page_table", Role::kIn},
                                               {"seq_of_token", Role::kIn},
                                               {"ke", Role::kIn},
                                               {"out", Role::kOut},
                                               {"lse", Role::kOut}}};

Status infer(const void* params, std::span<TensorDesc> d) {
  const auto& p = *static_cast<const DenseMlaParams*>(params);
  constexpr const char* kOp = "dense_mla";
  TAMIS_RETURN_IF_ERROR(check_kv_cache(kOp, {p.format, p.c, p.r}, d[kCache]));
  TAMIS_RETURN_IF_ERROR(check_page_size(kOp, p.page_size));
  TAMIS_RETURN_IF_ERROR(check_out_dtype(kOp, p.out));
  TAMIS_RETURN_IF_ERROR(expect(kOp, "q_latent", Elements::kActivation, {kAnyDim, kAnyDim, p.c}, d[kQLatent]));
  const std::int64_t tokens = d[kQLatent].dim(0), heads = d[kQLatent].dim(1);
  TAMIS_RETURN_IF_ERROR(expect(kOp, "q_rope", Elements::kActivation, {tokens, heads, p.r}, d[kQRope]));
  TAMIS_RETURN_IF_ERROR(expect(kOp, "page_table", Elements::kI32, {kAnyDim, kAnyDim}, d[kPageTable]));
  TAMIS_RETURN_IF_ERROR(expect(kOp, "seq_of_token", Elements::kI32, {tokens}, d[kSeqOfToken]));
  TAMIS_RETURN_IF_ERROR(expect(kOp, "ke", Elements::kI32, {tokens}, d[kKe]));
  TAMIS_RETURN_IF_ERROR(set_output(kOp, "out", {p.out, {tokens, heads, p.c}}, d[kOut]));
  return set_output(kOp, "lse", {DType::kF32, {tokens, heads}}, d[kLse]);
}

// Keys a token sees at most.
double max_keys(const OpCall& call) {
  const double by_table =
      static_cast<double>(call[kPageTable].desc.dim(1)) * call.as<DenseMlaParams>().page_size;
  return std::min(by_table, static_cast<double>(call[kCache].desc.dim(0)));
}

double flops(const OpCall& call) {
  const auto& p = call.as<DenseMlaParams>();
  const TensorDesc& q = call[kQLatent].desc;
  return 2.0 * static_cast<double>(q.dim(0) * q.dim(1)) * max_keys(call) * static_cast<double>(2 * p.c + p.r);
}

// The cache counts as the rows of every token's sequence, gathered per token.
double bytes(const OpCall& call) {
  const TensorDesc& cache = call[kCache].desc;
  const double row = static_cast<double>(cache.dim(1)) * static_cast<double>(dtype_size(cache.dtype));
  double total = static_cast<double>(call[kQLatent].desc.dim(0)) * max_keys(call) * row;
  for (int i : {kQLatent, kQRope, kPageTable, kSeqOfToken, kKe, kOut, kLse}) {
    const TensorDesc& desc = call[i].desc;
    total += static_cast<double>(desc.elements()) * static_cast<double>(dtype_size(desc.dtype));
  }
  return total;
}

}  // namespace

const OpDef op::dense_mla{
    .name = "dense_mla",
    .params_size = sizeof(DenseMlaParams),
    .operands = kOperands,
    .infer = infer,
    .flops = flops,
    .bytes = bytes,
    .decompose = nullptr,
    .tolerance = kAttentionTolerance,
    .per_token =
        operand_bits({dense_mla_operand::kQLatent, dense_mla_operand::kQRope, dense_mla_operand::kSeqOfToken,
                      dense_mla_operand::kKe, dense_mla_operand::kOut, dense_mla_operand::kLse}),
};

}  // namespace tamis
