#include "core/ops/add_rms_norm/add_rms_norm.h"

#include <array>

#include "core/ops/checks.h"
#include "core/ops/residual_add/residual_add.h"
#include "core/ops/rms_norm/rms_norm.h"

namespace tamis {
namespace {

using namespace add_rms_norm_operand;

constexpr std::array<OperandDef, 5> kOperands{{{"x", Role::kIn},
                                               {"delta", Role::kIn},
                                               {"weight", Role::kWeight},
                                               {"sum", Role::kOut},
                                               {"y", Role::kOut}}};

Status infer(const void* params, std::span<TensorDesc> d) {
  const auto& p = *static_cast<const AddRmsNormParams*>(params);
  TAMIS_RETURN_IF_ERROR(check_out_dtype("add_rms_norm", p.out));
  if (!is_activation(d[kX], 2)) return shape_error("add_rms_norm", "x", activation_shape("[T, H]"), d[kX]);
  if (!is_activation(d[kDelta], 2) || !d[kDelta].same_shape(d[kX])) {
    const std::string shape = fmt::format("[{}, {}]", d[kX].dim(0), d[kX].dim(1));
    return shape_error("add_rms_norm", "delta", activation_shape(shape), d[kDelta]);
  }
  if (!is_vector(d[kWeight], DType::kF32, d[kX].dim(1))) {
    return shape_error("add_rms_norm", "weight", fmt::format("f32[{}]", d[kX].dim(1)), d[kWeight]);
  }
  TAMIS_RETURN_IF_ERROR(set_output("add_rms_norm", "sum", row_major(d[kX].dtype, d[kX]), d[kSum]));
  return set_output("add_rms_norm", "y", row_major(p.out, d[kX]), d[kY]);
}

double flops(const OpCall& call) { return 5.0 * static_cast<double>(call[kX].desc.elements()); }

Status decompose(const Decomposition& d) {
  const auto& p = *static_cast<const AddRmsNormParams*>(d.params);
  d.values[kSum] = add_residual_add(d.graph, d.values[kX], d.values[kDelta]);
  d.values[kY] = add_rms_norm(d.graph, d.values[kSum], d.values[kWeight], {.eps = p.eps, .out = p.out});
  return d.graph.status();
}

}  // namespace

const OpDef op::add_rms_norm{
    .name = "add_rms_norm",
    .params_size = sizeof(AddRmsNormParams),
    .operands = kOperands,
    .infer = infer,
    .flops = flops,
    .bytes = operand_bytes,
    .decompose = decompose,
    .tolerance = {.f32 = 2e-6},
    .per_token = operand_bits({add_rms_norm_operand::kX, add_rms_norm_operand::kDelta,
                               add_rms_norm_operand::kSum, add_rms_norm_operand::kY}),
};

}  // namespace tamis
