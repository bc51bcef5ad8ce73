#include "core/ops/layer_norm/layer_norm.h"

#include <array>

#include "core/ops/checks.h"

namespace tamis {
namespace {

using namespace layer_norm_operand;

constexpr std::array<OperandDef, 4> kOperands{
    {{"x", Role::kIn}, {"weight", Role::kWeight}, {"bias", Role::kWeight}, {"y", Role::kOut}}};

Status infer(const void* params, std::span<TensorDesc> d) {
  const auto& p = *static_cast<const LayerNormParams*>(params);
  TAMIS_RETURN_IF_ERROR(check_out_dtype("layer_norm", p.out));
  if (!is_activation(d[kX], 2)) return shape_error("layer_norm", "x", activation_shape("[T, H]"), d[kX]);
  const std::int64_t h = d[kX].dim(1);
  if (!is_vector(d[kWeight], DType::kF32, h)) {
    return shape_error("layer_norm", "weight", fmt::format("f32[{}]", h), d[kWeight]);
  }
  if (!is_vector(d[kBias], DType::kF32, h))
    return shape_error("layer_norm", "bias", fmt::format("f32[{}]", h), d[kBias]);
  return set_output("layer_norm", "y", row_major(p.out, d[kX]), d[kY]);
}

double flops(const OpCall& call) { return 7.0 * static_cast<double>(call[kX].desc.elements()); }

}  // namespace

const OpDef op::layer_norm{
    .name = "layer_norm",
    .params_size = sizeof(LayerNormParams),
    .operands = kOperands,
    .infer = infer,
    .flops = flops,
    .bytes = operand_bytes,
    .decompose = nullptr,
    .tolerance = {.f32 = 1e-5},
    .per_token = operand_bits({layer_norm_operand::kX, layer_norm_operand::kY}),
};

}  // namespace tamis
