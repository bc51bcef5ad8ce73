#include "core/ops/batched_linear/batched_linear.h"

#include <array>

#include "core/ops/checks.h"

namespace tamis {
namespace {

using namespace batched_linear_operand;

constexpr std::array<OperandDef, 3> kOperands{{{"x", Role::kIn}, {"w", Role::kWeight}, {"y", Role::kOut}}};

Status infer(const void* params, std::span<TensorDesc> d) {
  const auto& p = *static_cast<const BatchedLinearParams*>(params);
  TAMIS_RETURN_IF_ERROR(check_out_dtype("batched_linear", p.out));
  if (!is_activation(d[kX], 3))
    return shape_error("batched_linear", "x", activation_shape("[T, h, K]"), d[kX]);
  const std::int64_t heads = d[kX].dim(1), k = d[kX].dim(2);
  const int k_axis = p.w_is_kn ? 1 : 2;
  if (!is_matrix_weight(d[kWeight], 3) || d[kWeight].dim(0) != heads || d[kWeight].dim(k_axis) != k) {
    const std::string shape = p.w_is_kn ? fmt::format("a weight [{}, {}, N]", heads, k)
                                        : fmt::format("a weight [{}, N, {}]", heads, k);
    return shape_error("batched_linear", "w", shape, d[kWeight]);
  }
  return set_output("batched_linear", "y", {p.out, {d[kX].dim(0), heads, d[kWeight].dim(3 - k_axis)}}, d[kY]);
}

double flops(const OpCall& call) {
  return 2.0 * static_cast<double>(call[kX].desc.elements()) * static_cast<double>(call[kY].desc.dim(2));
}

DType arithmetic(const OpCall& call) {
  return product_format(call.as<BatchedLinearParams>().act_quant, call[kX].desc.dtype,
                        call[kWeight].desc.dtype);
}

}  // namespace

const OpDef op::batched_linear{
    .name = "batched_linear",
    .params_size = sizeof(BatchedLinearParams),
    .operands = kOperands,
    .infer = infer,
    .flops = flops,
    .bytes = operand_bytes,
    .decompose = nullptr,
    .tolerance = {.f32 = 1e-5},
    .arithmetic = arithmetic,
    .per_token = operand_bits({batched_linear_operand::kX, batched_linear_operand::kY}),
};

}  // namespace tamis
