#include "core/ops/rms_norm/rms_norm.h"

#include <array>

#include "core/ops/checks.h"

namespace tamis {
namespace {

using namespace rms_norm_operand;

constexpr std::array<OperandDef, 3> kOperands{
    {{"x", Role::kIn}, {"weight", Role::kWeight}, {"y", Role::kOut}}};

Status infer(const void* params, std::span<TensorDesc> d) {
  const auto& p = *static_cast<const RmsNormParams*>(params);
  TAMIS_RETURN_IF_ERROR(check_out_dtype("rms_norm", p.out));
  if (!is_activation(d[kX], 2)) return shape_error("rms_norm", "x", activation_shape("[T, H]"), d[kX]);
  if (!is_vector(d[kWeight], DType::kF32, d[kX].dim(1))) {
    return shape_error("rms_norm", "weight", fmt::format("f32[{}]", d[kX].dim(1)), d[kWeight]);
  }
  return set_output("rms_norm", "y", row_major(p.out, d[kX]), d[kY]);
}

double flops(const OpCall& call) { return 4.0 * static_cast<double>(call[kX].desc.elements()); }

}  // namespace

const OpDef op::rms_norm{
    .name = "rms_norm",
    .params_size = sizeof(RmsNormParams),
    .operands = kOperands,
    .infer = infer,
    .flops = flops,
    .bytes = operand_bytes,
    .decompose = nullptr,
    .tolerance = {.f32 = 2e-6},
    .per_token = operand_bits({rms_norm_operand::kX, rms_norm_operand::kY}),
};

}  // namespace tamis
