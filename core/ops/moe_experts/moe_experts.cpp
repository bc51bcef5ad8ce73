#include "core/ops/moe_experts/moe_experts.h"

#include <algorithm>
#include <array>
#include <limits>

#include "core/ops/checks.h"
#include "core/ops/moe_combine/moe_combine.h"
#include "core/ops/moe_grouped_gemm/moe_grouped_gemm.h"
#include "core/ops/moe_permute/moe_permute.h"
#include "core/ops/silu_mul/silu_mul.h"

namespace tamis {
namespace {

using namespace moe_experts_operand;

constexpr const char* kName = "moe_experts";
constexpr std::array<OperandDef, 7> kOperands{{{"x", Role::kIn},
                                               {"ids", Role::kIn},
                                               {"weights", Role::kIn},
                                               {"w13", Role::kWeight},
                                               {"w2", Role::kWeight},
                                               {"shared", Role::kIn, true},
                                               {"out", Role::kOut}}};

Status infer(const void* params, std::span<TensorDesc> d) {
  const auto& p = *static_cast<const MoeExpertsParams*>(params);
  TAMIS_RETURN_IF_ERROR(check_out_dtype(kName, p.out));
  TAMIS_RETURN_IF_ERROR(expect(kName, "x", Elements::kActivation, {kAnyDim, kAnyDim}, d[kX]));
  const std::int64_t tokens = d[kX].dim(0), hidden = d[kX].dim(1);
  TAMIS_RETURN_IF_ERROR(expect(kName, "ids", Elements::kI32, {tokens, kAnyDim}, d[kIds]));
  const std::int64_t topk = d[kIds].dim(1);
  if (tokens * topk > std::numeric_limits<std::int32_t>::max()) {
    return invalid_argument("moe_experts: {} tokens of {} experts each pass 2^31 rows", tokens, topk);
  }
  TAMIS_RETURN_IF_ERROR(expect(kName, "weights", Elements::kF32, {tokens, topk}, d[kWeights]));
  TAMIS_RETURN_IF_ERROR(expect(kName, "w2", Elements::kMatrix, {kAnyDim, hidden, kAnyDim}, d[kW2]));
  const std::int64_t experts = d[kW2].dim(0), inner = d[kW2].dim(2);
  TAMIS_RETURN_IF_ERROR(expect(kName, "w13", Elements::kMatrix, {experts, 2 * inner, hidden}, d[kW13]));
  TAMIS_RETURN_IF_ERROR(
      expect_optional(kName, "shared", Elements::kActivation, {tokens, hidden}, d[kShared]));
  return set_output(kName, "out", {p.out, {tokens, hidden}}, d[kOut]);
}

double flops(const OpCall& call) {
  return 6.0 * static_cast<double>(call[kIds].desc.elements()) * static_cast<double>(call[kX].desc.dim(1)) *
         static_cast<double>(call[kW2].desc.dim(2));
}

// Few tokens touch few experts: at most topk a token.
double bytes(const OpCall& call) {
  const double experts = static_cast<double>(call[kW2].desc.dim(0));
  const double all = weight_bytes(call[kW13].desc) + weight_bytes(call[kW2].desc);
  return operand_bytes(call) - all +
         all * std::min(1.0, static_cast<double>(call[kIds].desc.elements()) / experts);
}

Status decompose(const Decomposition& d) {
  const auto& p = *static_cast<const MoeExpertsParams*>(d.params);
  Graph& g = d.graph;
  const DType dtype = g.desc(d.values[kX]).dtype;
  const auto experts = static_cast<std::int32_t>(g.desc(d.values[kW2]).dim(0));
  const NodeValues permuted = add_moe_permute(g, d.values[kX], d.values[kIds], {.n_experts = experts});
  const ValueId offsets = permuted[moe_permute_operand::kOffsets];
  const MoeGroupedGemmParams gemm{.act_quant = p.act_quant, .out = dtype};
  const ValueId gate_up =
      add_moe_grouped_gemm(g, permuted[moe_permute_operand::kXp], offsets, d.values[kW13], gemm);
  const ValueId inner = add_silu_mul(g, gate_up);
  const ValueId y = add_moe_grouped_gemm(g, inner, offsets, d.values[kW2], gemm);
  const MoeCombineInputs combine{y, permuted[moe_permute_operand::kRowOf], d.values[kWeights],
                                 d.values[kShared]};
  d.values[kOut] = add_moe_combine(g, combine, {.out = p.out});
  return g.status();
}

DType arithmetic(const OpCall& call) {
  return product_format(call.as<MoeExpertsParams>().act_quant, call[kX].desc.dtype, call[kW13].desc.dtype);
}

}  // namespace

const OpDef op::moe_experts{
    .name = kName,
    .params_size = sizeof(MoeExpertsParams),
    .operands = kOperands,
    .infer = infer,
    .flops = flops,
    .bytes = bytes,
    .decompose = decompose,
    .tolerance = {.f32 = 1e-5},
    .arithmetic = arithmetic,
    .per_token =
        operand_bits({moe_experts_operand::kX, moe_experts_operand::kIds, moe_experts_operand::kWeights,
                      moe_experts_operand::kShared, moe_experts_operand::kOut}),
};

}  // namespace tamis
