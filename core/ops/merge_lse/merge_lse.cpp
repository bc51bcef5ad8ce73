#include "core/ops/merge_lse/merge_lse.h"

#include <array>

#include "core/ops/checks.h"

namespace tamis {
namespace {

using namespace merge_lse_operand;

constexpr std::array<OperandDef, 6> kOperands{{{"a", Role::kIn},
                                               {"lse_a", Role::kIn},
                                               {"b", Role::kIn},
                                               {"lse_b", Role::kIn},
                                               {"out", Role::kOut},
                                               {"lse", Role::kOut}}};

Status infer(const void*, std::span<TensorDesc> d) {
  TAMIS_RETURN_IF_ERROR(expect("merge_lse", "a", Elements::kActivation, {kAnyDim, kAnyDim, kAnyDim}, d[kA]));
  const std::int64_t tokens = d[kA].dim(0), heads = d[kA].dim(1), dim = d[kA].dim(2);
  TAMIS_RETURN_IF_ERROR(expect("merge_lse", "b", Elements::kActivation, {tokens, heads, dim}, d[kB]));
  TAMIS_RETURN_IF_ERROR(expect("merge_lse", "lse_a", Elements::kF32, {tokens, heads}, d[kLseA]));
  TAMIS_RETURN_IF_ERROR(expect("merge_lse", "lse_b", Elements::kF32, {tokens, heads}, d[kLseB]));
  TAMIS_RETURN_IF_ERROR(set_output("merge_lse", "out", {d[kA].dtype, {tokens, heads, dim}}, d[kOut]));
  return set_output("merge_lse", "lse", {DType::kF32, {tokens, heads}}, d[kLse]);
}

double flops(const OpCall& call) { return 3.0 * static_cast<double>(call[kA].desc.elements()); }

}  // namespace

const OpDef op::merge_lse{
    .name = "merge_lse",
    .params_size = sizeof(MergeLseParams),
    .operands = kOperands,
    .infer = infer,
    .flops = flops,
    .bytes = operand_bytes,
    .decompose = nullptr,
    .tolerance = {.f32 = 1e-6},
    .per_token = operand_bits({merge_lse_operand::kA, merge_lse_operand::kLseA, merge_lse_operand::kB,
                               merge_lse_operand::kLseB, merge_lse_operand::kOut, merge_lse_operand::kLse}),
};

}  // namespace tamis
