#include "core/ops/linear/linear.h"

#include <array>

namespace tamis {
namespace {

using namespace linear_operand;

constexpr std::array<OperandDef, 3> kOperands{{{"x", Role::kIn}, {"w", Role::kWeight}, {"y", Role::kOut}}};

Status infer(const void* params, std::span<TensorDesc> d) {
  const auto& p = *static_cast<const LinearParams*>(params);
  if (d[kX].rank != 2) return shape_error("linear", "x", "[T, K]", d[kX]);
  if (d[kWeight].rank != 2 || d[kWeight].dim(1) != d[kX].dim(1)) {
    return shape_error("linear", "w", fmt::format("[N, {}]", d[kX].dim(1)), d[kWeight]);
  }
  return set_output("linear", "y", {p.out, {d[kX].dim(0), d[kWeight].dim(0)}}, d[kY]);
}

double flops(const OpCall& call) {
  return 2.0 * static_cast<double>(call[kX].desc.elements()) * static_cast<double>(call[kWeight].desc.dim(0));
}

DType arithmetic(const OpCall& call) {
  return product_format(call.as<LinearParams>().act_quant, call[kX].desc.dtype, call[kWeight].desc.dtype);
}

}  // namespace

const OpDef op::linear{
    .name = "linear",
    .params_size = sizeof(LinearParams),
    .operands = kOperands,
    .infer = infer,
    .flops = flops,
    .bytes = operand_bytes,
    .decompose = nullptr,
    .tolerance = {.f32 = 1e-5},
    .arithmetic = arithmetic,
    .per_token = operand_bits({linear_operand::kX, linear_operand::kY}),
};

}  // namespace tamis
