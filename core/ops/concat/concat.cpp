#include "core/ops/concat/concat.h"

#include <array>

#include "core/ops/checks.h"

namespace tamis {
namespace {

using namespace concat_operand;

constexpr std::array<OperandDef, 3> kOperands{{{"a", Role::kIn}, {"b", Role::kIn}, {"y", Role::kOut}}};

Status infer(const void*, std::span<TensorDesc> d) {
  if (d[kA].rank != 2 && d[kA].rank != 3) return shape_error("concat", "a", "[T, A] or [T, h, A]", d[kA]);
  bool matches = d[kB].rank == d[kA].rank && d[kB].dtype == d[kA].dtype;
  for (int axis = 0; matches && axis + 1 < d[kA].rank; ++axis) matches = d[kB].dim(axis) == d[kA].dim(axis);
  if (!matches) {
    return shape_error("concat", "b", fmt::format("leading dimensions and dtype of {}", d[kA].to_string()),
                       d[kB]);
  }
  TensorDesc y = d[kA];
  y.dims[static_cast<std::size_t>(y.rank - 1)] += d[kB].dim(-1);
  return set_output("concat", "y", row_major(y.dtype, y), d[kY]);
}

double flops(const OpCall&) { return 0; }

}  // namespace

const OpDef op::concat{
    .name = "concat",
    .params_size = sizeof(ConcatParams),
    .operands = kOperands,
    .infer = infer,
    .flops = flops,
    .bytes = operand_bytes,
    .decompose = nullptr,
    .tolerance = {.f32 = 0},
    .per_token = operand_bits({concat_operand::kA, concat_operand::kB, concat_operand::kY}),
};

}  // namespace tamis
