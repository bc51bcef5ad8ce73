#include "core/ops/cast/cast.h"

#include <array>

#include "core/ops/checks.h"

namespace tamis {
namespace {

using namespace cast_operand;

constexpr std::array<OperandDef, 2> kOperands{{{"x", Role::kIn}, {"y", Role::kOut}}};

Status infer(const void* params, std::span<TensorDesc> d) {
  const auto& p = *static_cast<const CastParams*>(params);
  TAMIS_RETURN_IF_ERROR(check_out_dtype("cast", p.out));
  if (d[kX].rank < 1 || !is_activation_dtype(d[kX].dtype)) {
    return shape_error("cast", "x", activation_shape("of any rank"), d[kX]);
  }
  return set_output("cast", "y", row_major(p.out, d[kX]), d[kY]);
}

double flops(const OpCall&) { return 0; }

}  // namespace

const OpDef op::cast{
    .name = "cast",
    .params_size = sizeof(CastParams),
    .operands = kOperands,
    .infer = infer,
    .flops = flops,
    .bytes = operand_bytes,
    .decompose = nullptr,
    .tolerance = {.f32 = 0},
    .per_token = operand_bits({cast_operand::kX, cast_operand::kY}),
};

}  // namespace tamis
