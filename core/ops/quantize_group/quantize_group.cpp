#include "core/ops/quantize_group/quantize_group.h"

#include <array>

#include "core/ops/checks.h"

namespace tamis {
namespace {

using namespace quantize_group_operand;

constexpr std::array<OperandDef, 3> kOperands{
    {{"x", Role::kIn}, {"codes", Role::kOut}, {"scales", Role::kOut}}};

Status infer(const void* params, std::span<TensorDesc> d) {
  const auto& p = *static_cast<const QuantizeGroupParams*>(params);
  if (p.group < 1) return invalid_argument("quantize_group: group: expected at least 1, found {}", p.group);
  const bool per_head = is_activation(d[kX], 3) && d[kX].dim(2) == p.group;
  if (!is_activation(d[kX], 2) && !per_head) {
    const std::string shape = fmt::format("[T, K] or [T, h, {}]", p.group);
    return shape_error("quantize_group", "x", activation_shape(shape), d[kX]);
  }
  TAMIS_RETURN_IF_ERROR(set_output("quantize_group", "codes", row_major(DType::kE4M3, d[kX]), d[kCodes]));
  const std::int64_t columns = per_head ? d[kX].dim(1) : (d[kX].dim(1) + p.group - 1) / p.group;
  return set_output("quantize_group", "scales", {DType::kF32, {d[kX].dim(0), columns}}, d[kScales]);
}

double flops(const OpCall& call) { return 3.0 * static_cast<double>(call[kX].desc.elements()); }

}  // namespace

const OpDef op::quantize_group{
    .name = "quantize_group",
    .params_size = sizeof(QuantizeGroupParams),
    .operands = kOperands,
    .infer = infer,
    .flops = flops,
    .bytes = operand_bytes,
    .decompose = nullptr,
    .tolerance = {.f32 = 0},
    .per_token = operand_bits(
        {quantize_group_operand::kX, quantize_group_operand::kCodes, quantize_group_operand::kScales}),
};

}  // namespace tamis
