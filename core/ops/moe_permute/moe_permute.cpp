#include "core/ops/moe_permute/moe_permute.h"

#include <array>
#include <limits>

#include "core/ops/checks.h"

namespace tamis {
namespace {

using namespace moe_permute_operand;

constexpr std::array<OperandDef, 5> kOperands{{{"x", Role::kIn},
                                               {"ids", Role::kIn},
                                               {"xp", Role::kOut},
                                               {"row_of", Role::kOut},
                                               {"offsets", Role::kOut}}};

Status infer(const void* params, std::span<TensorDesc> d) {
  const auto& p = *static_cast<const MoePermuteParams*>(params);
  if (p.n_experts < 1)
    return invalid_argument("moe_permute: n_experts is {}, expected at least 1", p.n_experts);
  TAMIS_RETURN_IF_ERROR(expect("moe_permute", "x", Elements::kActivation, {kAnyDim, kAnyDim}, d[kX]));
  const std::int64_t tokens = d[kX].dim(0);
  TAMIS_RETURN_IF_ERROR(expect("moe_permute", "ids", Elements::kI32, {tokens, kAnyDim}, d[kIds]));
  const std::int64_t topk = d[kIds].dim(1), rows = tokens * topk;
  if (rows > std::numeric_limits<std::int32_t>::max()) {
    return invalid_argument(
        "moe_permute: {} tokens of {} experts each pass the 2^31 rows that row_of can name", tokens, topk);
  }
  TAMIS_RETURN_IF_ERROR(set_output("moe_permute", "xp", {d[kX].dtype, {rows, d[kX].dim(1)}}, d[kXp]));
  TAMIS_RETURN_IF_ERROR(set_output("moe_permute", "row_of", {DType::kI32, {tokens, topk}}, d[kRowOf]));
  return set_output("moe_permute", "offsets", {DType::kI32, {p.n_experts + std::int64_t{1}}}, d[kOffsets]);
}

double flops(const OpCall&) { return 0; }

}  // namespace

const OpDef op::moe_permute{
    .name = "moe_permute",
    .params_size = sizeof(MoePermuteParams),
    .operands = kOperands,
    .infer = infer,
    .flops = flops,
    .bytes = operand_bytes,
    .decompose = nullptr,
    .tolerance = {.f32 = 0},
};

}  // namespace tamis
