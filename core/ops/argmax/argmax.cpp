#include "core/ops/argmax/argmax.h"

#include <array>

#include "core/ops/checks.h"

namespace tamis {
namespace {

using namespace argmax_operand;

constexpr std::array<OperandDef, 2> kOperands{{{"logits", Role::kIn}, {"token", Role::kOut}}};

Status infer(const void*, std::span<TensorDesc> d) {
  TAMIS_RETURN_IF_ERROR(expect("argmax", "logits", Elements::kActivation, {kAnyDim, kAnyDim}, d[kLogits]));
  if (d[kLogits].dim(1) < 1) return shape_error("argmax", "logits", "at least one column", d[kLogits]);
  return set_output("argmax", "token", {DType::kI32, {d[kLogits].dim(0)}}, d[kToken]);
}

double flops(const OpCall& call) { return static_cast<double>(call[kLogits].desc.elements()); }

}  // namespace

const OpDef op::argmax{
    .name = "argmax",
    .params_size = sizeof(ArgmaxParams),
    .operands = kOperands,
    .infer = infer,
    .flops = flops,
    .bytes = operand_bytes,
    .decompose = nullptr,
    .tolerance = {},
    .per_token = operand_bits({argmax_operand::kLogits, argmax_operand::kToken}),
};

}  // namespace tamis
