#include "core/ops/embed/embed.h"

#include <array>

#include "core/ops/checks.h"

namespace tamis {
namespace {

using namespace embed_operand;

constexpr std::array<OperandDef, 3> kOperands{
    {{"ids", Role::kIn}, {"table", Role::kWeight}, {"y", Role::kOut}}};

Status infer(const void* params, std::span<TensorDesc> d) {
  const auto& p = *static_cast<const EmbedParams*>(params);
  TAMIS_RETURN_IF_ERROR(check_out_dtype("embed", p.out));
  if (d[kIds].rank != 1 || d[kIds].dtype != DType::kI32)
    return shape_error("embed", "ids", "i32[T]", d[kIds]);
  if (!is_matrix_weight(d[kTable], 2)) return shape_error("embed", "table", "a weight [V, H]", d[kTable]);
  return set_output("embed", "y", {p.out, {d[kIds].dim(0), d[kTable].dim(1)}}, d[kY]);
}

double flops(const OpCall&) { return 0; }

double bytes(const OpCall& call) {
  const TensorDesc rows(call[kTable].desc.dtype, {call[kIds].desc.dim(0), call[kTable].desc.dim(1)});
  return weight_bytes(rows) + static_cast<double>(call[kIds].desc.span_bytes() + call[kY].desc.span_bytes());
}

}  // namespace

const OpDef op::embed{
    .name = "embed",
    .params_size = sizeof(EmbedParams),
    .operands = kOperands,
    .infer = infer,
    .flops = flops,
    .bytes = bytes,
    .decompose = nullptr,
    .tolerance = {.f32 = 0},
    .per_token = operand_bits({embed_operand::kIds, embed_operand::kY}),
};

}  // namespace tamis
