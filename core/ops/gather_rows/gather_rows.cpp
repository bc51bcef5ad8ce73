#include "core/ops/gather_rows/gather_rows.h"

#include <array>

#include "core/ops/checks.h"

namespace tamis {
namespace {

using namespace gather_rows_operand;

constexpr std::array<OperandDef, 3> kOperands{{{"x", Role::kIn}, {"rows", Role::kIn}, {"y", Role::kOut}}};

Status infer(const void*, std::span<TensorDesc> d) {
  if (!is_activation(d[kX], 2)) return shape_error("gather_rows", "x", activation_shape("[T, H]"), d[kX]);
  if (d[kRows].rank != 1 || d[kRows].dtype != DType::kI32)
    return shape_error("gather_rows", "rows", "i32[n]", d[kRows]);
  return set_output("gather_rows", "y", {d[kX].dtype, {d[kRows].dim(0), d[kX].dim(1)}}, d[kY]);
}

double flops(const OpCall&) { return 0; }

double bytes(const OpCall& call) {
  return static_cast<double>(call[kRows].desc.span_bytes() + 2 * call[kY].desc.span_bytes());
}

}  // namespace

const OpDef op::gather_rows{
    .name = "gather_rows",
    .params_size = sizeof(GatherRowsParams),
    .operands = kOperands,
    .infer = infer,
    .flops = flops,
    .bytes = bytes,
    .decompose = nullptr,
    .tolerance = {.f32 = 0},
    .per_token = operand_bits({gather_rows_operand::kRows, gather_rows_operand::kY}),
};

}  // namespace tamis
