#include "core/ops/silu_mul/silu_mul.h"

#include <array>

#include "core/ops/checks.h"

namespace tamis {
namespace {

using namespace silu_mul_operand;

constexpr std::array<OperandDef, 2> kOperands{{{"x", Role::kIn}, {"y", Role::kOut}}};

Status infer(const void*, std::span<TensorDesc> d) {
  if (!is_activation(d[kX], 2) || d[kX].dim(1) % 2 != 0) {
    return shape_error("silu_mul", "x", activation_shape("[T, 2 I]"), d[kX]);
  }
  return set_output("silu_mul", "y", {d[kX].dtype, {d[kX].dim(0), d[kX].dim(1) / 2}}, d[kY]);
}

double flops(const OpCall& call) { return 5.0 * static_cast<double>(call[kY].desc.elements()); }

}  // namespace

const OpDef op::silu_mul{
    .name = "silu_mul",
    .params_size = sizeof(SiluMulParams),
    .operands = kOperands,
    .infer = infer,
    .flops = flops,
    .bytes = operand_bytes,
    .decompose = nullptr,
    .tolerance = {.f32 = 2e-6},
    .per_token = operand_bits({silu_mul_operand::kX, silu_mul_operand::kY}),
};

}  // namespace tamis
