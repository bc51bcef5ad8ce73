#include "core/ops/residual_add/residual_add.h"

#include <array>

#include "core/ops/checks.h"

namespace tamis {
namespace {

using namespace residual_add_operand;

constexpr std::array<OperandDef, 3> kOperands{{{"x", Role::kIn}, {"delta", Role::kIn}, {"y", Role::kOut}}};

Status infer(const void*, std::span<TensorDesc> d) {
  if (!is_activation(d[kX], 2)) return shape_error("residual_add", "x", activation_shape("[T, H]"), d[kX]);
  if (!is_activation(d[kDelta], 2) || !d[kDelta].same_shape(d[kX])) {
    const std::string shape = fmt::format("[{}, {}]", d[kX].dim(0), d[kX].dim(1));
    return shape_error("residual_add", "delta", activation_shape(shape), d[kDelta]);
  }
  return set_output("residual_add", "y", row_major(d[kX].dtype, d[kX]), d[kY]);
}

double flops(const OpCall& call) { return static_cast<double>(call[kX].desc.elements()); }

}  // namespace

const OpDef op::residual_add{
    .name = "residual_add",
    .params_size = sizeof(ResidualAddParams),
    .operands = kOperands,
    .infer = infer,
    .flops = flops,
    .bytes = operand_bytes,
    .decompose = nullptr,
    .tolerance = {.f32 = 1e-6},
    .per_token =
        operand_bits({residual_add_operand::kX, residual_add_operand::kDelta, residual_add_operand::kY}),
};

}  // namespace tamis
