#include "core/ops/topk_select/topk_select.h"

#include <array>

#include "core/ops/index_k_store/indexer_checks.h"

namespace tamis {
namespace {

using namespace topk_select_operand;
using indexer::check;

constexpr const char* kName = "topk_select";
constexpr std::array<OperandDef, 5> kOperands{{{"scores", Role::kIn},
                                               {"ks", Role::kIn, true},
                                               {"ke", Role::kIn},
                                               {"idx", Role::kOut},
                                               {"count", Role::kOut}}};

Status infer(const void* params, std::span<TensorDesc> d) {
  const std::int64_t k = static_cast<const TopkSelectParams*>(params)->k;
  if (k < 1) return invalid_argument("{}: k: expected at least 1, found {}", kName, k);
  TAMIS_RETURN_IF_ERROR(
      check({kName, "scores", DType::kF32, {indexer::kAnySize, indexer::kAnySize}}, d[kScores]));
  const std::int64_t tokens = d[kScores].dim(0);
  TAMIS_RETURN_IF_ERROR(indexer::check_optional({kName, "ks", DType::kI32, {tokens}}, d[kKs]));
  TAMIS_RETURN_IF_ERROR(check({kName, "ke", DType::kI32, {tokens}}, d[kKe]));
  TAMIS_RETURN_IF_ERROR(set_output(kName, "idx", {DType::kI32, {tokens, k}}, d[kIdx]));
  return set_output(kName, "count", {DType::kI32, {tokens}}, d[kCount]);
}

double flops(const OpCall&) { return 0; }

}  // namespace

const OpDef op::topk_select{
    .name = kName,
    .params_size = sizeof(TopkSelectParams),
    .operands = kOperands,
    .infer = infer,
    .flops = flops,
    .bytes = operand_bytes,
    .decompose = nullptr,
    .tolerance = {.f32 = 0},
    .per_token =
        operand_bits({topk_select_operand::kScores, topk_select_operand::kKs, topk_select_operand::kKe,
                      topk_select_operand::kIdx, topk_select_operand::kCount}),
};

}  // namespace tamis
