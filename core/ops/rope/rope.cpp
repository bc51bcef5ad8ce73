#include "core/ops/rope/rope.h"

#include <algorithm>
#include <array>

#include "core/ops/checks.h"

namespace tamis {
namespace {

using namespace rope_operand;

constexpr std::array<OperandDef, 4> kOperands{
    {{"x", Role::kIn}, {"positions", Role::kIn}, {"inv_freq", Role::kWeight}, {"y", Role::kOut}}};

Status infer(const void* params, std::span<TensorDesc> d) {
  const auto& p = *static_cast<const RopeParams*>(params);
  if (!is_activation(d[kX], 2) && !is_activation(d[kX], 3)) {
    return shape_error("rope", "x", activation_shape("[T, h, D] or [T, D]"), d[kX]);
  }
  if (!is_vector(d[kPositions], DType::kI32, d[kX].dim(0))) {
    return shape_error("rope", "positions", fmt::format("i32[{}]", d[kX].dim(0)), d[kPositions]);
  }
  if (d[kInvFreq].rank != 1 || d[kInvFreq].dtype != DType::kF32) {
    return shape_error("rope", "inv_freq", "f32[R / 2]", d[kInvFreq]);
  }
  if (p.begin < 0 || p.begin + 2 * d[kInvFreq].dim(0) > d[kX].dim(-1)) {
    return invalid_argument("rope: x: expected at least {} dimensions from {} on, found {}",
                            2 * d[kInvFreq].dim(0), p.begin, d[kX].to_string());
  }
  return set_output("rope", "y", row_major(d[kX].dtype, d[kX]), d[kY]);
}

double flops(const OpCall& call) {
  const TensorDesc& x = call[kX].desc;
  const double vectors = static_cast<double>(x.elements() / std::max<std::int64_t>(1, x.dim(-1)));
  return 6.0 * vectors * static_cast<double>(call[kInvFreq].desc.dim(0));
}

}  // namespace

const OpDef op::rope{
    .name = "rope",
    .params_size = sizeof(RopeParams),
    .operands = kOperands,
    .infer = infer,
    .flops = flops,
    .bytes = operand_bytes,
    .decompose = nullptr,
    .tolerance = {.f32 = 1e-6},
    .per_token = operand_bits({rope_operand::kX, rope_operand::kPositions, rope_operand::kY}),
};

}  // namespace tamis
