#include "core/ops/moe_combine/moe_combine.h"

#include <array>

#include "core/ops/checks.h"

namespace tamis {
namespace {

using namespace moe_combine_operand;

constexpr std::array<OperandDef, 5> kOperands{{{"y", Role::kIn},
                                               {"row_of", Role::kIn},
                                               {"weights", Role::kIn},
                                               {"shared", Role::kIn, true},
                                               {"out", Role::kOut}}};

Status infer(const void* params, std::span<TensorDesc> d) {
  const auto& p = *static_cast<const MoeCombineParams*>(params);
  TAMIS_RETURN_IF_ERROR(check_out_dtype("moe_combine", p.out));
  TAMIS_RETURN_IF_ERROR(expect("moe_combine", "y", Elements::kActivation, {kAnyDim, kAnyDim}, d[kY]));
  TAMIS_RETURN_IF_ERROR(expect("moe_combine", "row_of", Elements::kI32, {kAnyDim, kAnyDim}, d[kRowOf]));
  const std::int64_t tokens = d[kRowOf].dim(0), hidden = d[kY].dim(1);
  TAMIS_RETURN_IF_ERROR(
      expect("moe_combine", "weights", Elements::kF32, {tokens, d[kRowOf].dim(1)}, d[kWeights]));
  TAMIS_RETURN_IF_ERROR(
      expect_optional("moe_combine", "shared", Elements::kActivation, {tokens, hidden}, d[kShared]));
  return set_output("moe_combine", "out", {p.out, {tokens, hidden}}, d[kOut]);
}

double flops(const OpCall& call) {
  return 2.0 * static_cast<double>(call[kRowOf].desc.elements()) * static_cast<double>(call[kY].desc.dim(1));
}

}  // namespace

const OpDef op::moe_combine{
    .name = "moe_combine",
    .params_size = sizeof(MoeCombineParams),
    .operands = kOperands,
    .infer = infer,
    .flops = flops,
    .bytes = operand_bytes,
    .decompose = nullptr,
    .tolerance = {.f32 = 2e-6},
    .per_token = operand_bits({moe_combine_operand::kRowOf, moe_combine_operand::kWeights,
                               moe_combine_operand::kShared, moe_combine_operand::kOut}),
};

}  // namespace tamis
