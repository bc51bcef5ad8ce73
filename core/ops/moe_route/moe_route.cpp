#include "core/ops/moe_route/moe_route.h"

#include <array>

#include "core/ops/checks.h"

namespace tamis {
namespace {

using namespace moe_route_operand;

constexpr std::array<OperandDef, 5> kOperands{{{"logits", Role::kIn},
                                               {"bias", Role::kWeight, true},
                                               {"slot", Role::kIn, true},
                                               {"ids", Role::kOut},
                                               {"weights", Role::kOut}}};

Status check_params(const MoeRouteParams& p, std::int64_t experts) {
  if (p.n_group < 1 || experts < 1 || experts % p.n_group != 0) {
    return invalid_argument("moe_route: n_group {} does not divide {} experts", p.n_group, experts);
  }
  if (p.topk_group < 1 || p.topk_group > p.n_group) {
    return invalid_argument("moe_route: topk_group is {}, expected 1 to {}", p.topk_group, p.n_group);
  }
  if (p.topk < 1 || p.topk > experts) {
    return invalid_argument("moe_route: topk is {}, expected 1 to {}", p.topk, experts);
  }
  return {};
}

Status infer(const void* params, std::span<TensorDesc> d) {
  const auto& p = *static_cast<const MoeRouteParams*>(params);
  TAMIS_RETURN_IF_ERROR(expect("moe_route", "logits", Elements::kF32, {kAnyDim, kAnyDim}, d[kLogits]));
  const std::int64_t tokens = d[kLogits].dim(0), experts = d[kLogits].dim(1);
  TAMIS_RETURN_IF_ERROR(check_params(p, experts));
  TAMIS_RETURN_IF_ERROR(expect_optional("moe_route", "bias", Elements::kF32, {experts}, d[kBias]));
  TAMIS_RETURN_IF_ERROR(expect_optional("moe_route", "slot", Elements::kI32, {tokens}, d[kSlot]));
  TAMIS_RETURN_IF_ERROR(set_output("moe_route", "ids", {DType::kI32, {tokens, p.topk}}, d[kIds]));
  return set_output("moe_route", "weights", {DType::kF32, {tokens, p.topk}}, d[kWeights]);
}

// A sigmoid, a sum and two comparisons an expert; nothing next to the products of the experts themselves.
double flops(const OpCall& call) { return 4.0 * static_cast<double>(call[kLogits].desc.elements()); }

}  // namespace

const OpDef op::moe_route{
    .name = "moe_route",
    .params_size = sizeof(MoeRouteParams),
    .operands = kOperands,
    .infer = infer,
    .flops = flops,
    .bytes = operand_bytes,
    .decompose = nullptr,
    .tolerance = {.f32 = 2e-6},
    .per_token = operand_bits({moe_route_operand::kLogits, moe_route_operand::kSlot, moe_route_operand::kIds,
                               moe_route_operand::kWeights}),
};

}  // namespace tamis
