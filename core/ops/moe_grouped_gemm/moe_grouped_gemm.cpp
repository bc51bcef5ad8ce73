#include "core/ops/moe_grouped_gemm/moe_grouped_gemm.h"

#include <algorithm>
#include <array>

#include "core/ops/checks.h"

namespace tamis {
namespace {

using namespace moe_grouped_gemm_operand;

constexpr std::array<OperandDef, 4> kOperands{
    {{"x", Role::kIn}, {"offsets", Role::kIn}, {"w", Role::kWeight}, {"y", Role::kOut}}};

Status infer(const void* params, std::span<TensorDesc> d) {
  const auto& p = *static_cast<const MoeGroupedGemmParams*>(params);
  TAMIS_RETURN_IF_ERROR(check_out_dtype("moe_grouped_gemm", p.out));
  TAMIS_RETURN_IF_ERROR(expect("moe_grouped_gemm", "x", Elements::kActivation, {kAnyDim, kAnyDim}, d[kX]));
  TAMIS_RETURN_IF_ERROR(
      expect("moe_grouped_gemm", "w", Elements::kMatrix, {kAnyDim, kAnyDim, d[kX].dim(1)}, d[kWeight]));
  TAMIS_RETURN_IF_ERROR(
      expect("moe_grouped_gemm", "offsets", Elements::kI32, {d[kWeight].dim(0) + 1}, d[kOffsets]));
  return set_output("moe_grouped_gemm", "y", {p.out, {d[kX].dim(0), d[kWeight].dim(1)}}, d[kY]);
}

double flops(const OpCall& call) {
  return 2.0 * static_cast<double>(call[kX].desc.elements()) * static_cast<double>(call[kWeight].desc.dim(1));
}

// Few rows touch few experts: at most one matrix a row.
double bytes(const OpCall& call) {
  const double experts = static_cast<double>(call[kWeight].desc.dim(0));
  const double rows = static_cast<double>(call[kX].desc.dim(0));
  const double all = weight_bytes(call[kWeight].desc);
  return operand_bytes(call) - all + all * std::min(1.0, rows / experts);
}

DType arithmetic(const OpCall& call) {
  return product_format(call.as<MoeGroupedGemmParams>().act_quant, call[kX].desc.dtype,
                        call[kWeight].desc.dtype);
}

}  // namespace

const OpDef op::moe_grouped_gemm{
    .name = "moe_grouped_gemm",
    .params_size = sizeof(MoeGroupedGemmParams),
    .operands = kOperands,
    .infer = infer,
    .flops = flops,
    .bytes = bytes,
    .decompose = nullptr,
    .tolerance = {.f32 = 1e-5},
    .arithmetic = arithmetic,
};

}  // namespace tamis
