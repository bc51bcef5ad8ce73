#include "core/ops/hadamard/hadamard.h"

#include <array>
#include <bit>

#include "core/ops/checks.h"

namespace tamis {
namespace {

using namespace hadamard_operand;

constexpr std::array<OperandDef, 2> kOperands{{{"x", Role::kIn}, {"y", Role::kOut}}};

Status infer(const void*, std::span<TensorDesc> d) {
  const bool power_of_two = d[kX].rank >= 1 && std::has_single_bit(static_cast<std::uint64_t>(d[kX].dim(-1)));
  if ((!is_activation(d[kX], 2) && !is_activation(d[kX], 3)) || !power_of_two) {
    return shape_error("hadamard", "x", activation_shape("[T, h, D] or [T, D] with D a power of two"), d[kX]);
  }
  return set_output("hadamard", "y", row_major(d[kX].dtype, d[kX]), d[kY]);
}

double flops(const OpCall& call) {
  const TensorDesc& x = call[kX].desc;
  const int stages = std::countr_zero(static_cast<std::uint64_t>(x.dim(-1)));
  return static_cast<double>(x.elements()) * (stages + 1);
}

}  // namespace

const OpDef op::hadamard{
    .name = "hadamard",
    .params_size = sizeof(HadamardParams),
    .operands = kOperands,
    .infer = infer,
    .flops = flops,
    .bytes = operand_bytes,
    .decompose = nullptr,
    .tolerance = {.f32 = 1e-6},
    .per_token = operand_bits({hadamard_operand::kX, hadamard_operand::kY}),
};

}  // namespace tamis
