#include "core/ops/indexer_topk/indexer_topk.h"

#include <array>

#include "core/ops/index_k_store/indexer_checks.h"
#include "core/ops/index_to_slot/index_to_slot.h"
#include "core/ops/indexer_scores/indexer_scores.h"
#include "core/ops/topk_select/topk_select.h"

namespace tamis {
namespace {

using namespace indexer_topk_operand;

constexpr const char* kName = "indexer_topk";
constexpr std::array<OperandDef, 10> kOperands{{{"q", Role::kIn},
                                                {"w", Role::kIn},
                                                {"q_scale", Role::kIn, true},
                                                {"keys", Role::kIn},
                                                {"seq_of_token", Role::kIn, true},
                                                {"page_table", Role::kIn},
                                                {"ke", Role::kIn},
                                                {"idx", Role::kOut},
                                                {"count", Role::kOut},
                                                {"slots", Role::kOut}}};

Status infer(const void* params, std::span<TensorDesc> d) {
  const auto& p = *static_cast<const IndexerTopkParams*>(params);
  if (p.k < 1) return invalid_argument("{}: k: expected at least 1, found {}", kName, p.k);
  if (p.max_keys < 1)
    return invalid_argument("{}: max_keys: expected at least 1, found {}", kName, p.max_keys);
  if (p.page_size < 1)
    return invalid_argument("{}: page_size: expected at least 1, found {}", kName, p.page_size);
  TAMIS_RETURN_IF_ERROR(indexer::check_queries(kName, d[kQ], d[kWeights], d[kQScale]));
  const std::int64_t tokens = d[kQ].dim(0);
  TAMIS_RETURN_IF_ERROR(indexer::check_index_cache(kName, p.format, p.page_size, d[kQ].dim(2), d[kKeys]));
  TAMIS_RETURN_IF_ERROR(indexer::check_paging(kName, tokens, d[kSeqOfToken], d[kPageTable]));
  TAMIS_RETURN_IF_ERROR(indexer::check({kName, "ke", DType::kI32, {tokens}}, d[kKe]));
  TAMIS_RETURN_IF_ERROR(set_output(kName, "idx", {DType::kI32, {tokens, p.k}}, d[kIdx]));
  TAMIS_RETURN_IF_ERROR(set_output(kName, "count", {DType::kI32, {tokens}}, d[kCount]));
  return set_output(kName, "slots", {DType::kI32, {tokens, p.k}}, d[kSlots]);
}

double flops(const OpCall& call) {
  const TensorDesc& q = call[kQ].desc;
  return 2.0 * static_cast<double>(q.dim(0) * q.dim(1)) *
         static_cast<double>(call.as<IndexerTopkParams>().max_keys) * static_cast<double>(q.dim(2) + 1);
}

double bytes(const OpCall& call) {
  const auto& p = call.as<IndexerTopkParams>();
  return operand_bytes(call) - indexer::unseen_cache_bytes({p.format, p.page_size, p.max_keys},
                                                           call[kKeys].desc, call[kPageTable].desc);
}

Status decompose(const Decomposition& d) {
  const auto& p = *static_cast<const IndexerTopkParams*>(d.params);
  const IndexerScoresParams scores_params{p.format, true, p.page_size, p.scale, p.max_keys};
  const ValueId scores = add_indexer_scores(d.graph,
                                            {.q = d.values[kQ],
                                             .w = d.values[kWeights],
                                             .q_scale = d.values[kQScale],
                                             .keys = d.values[kKeys],
                                             .seq_of_token = d.values[kSeqOfToken],
                                             .page_table = d.values[kPageTable],
                                             .ke = d.values[kKe]},
                                            scores_params);
  const NodeValues best = add_topk_select(d.graph, scores, kNoValue, d.values[kKe], {p.k});
  d.values[kIdx] = best[topk_select_operand::kIdx];
  d.values[kCount] = best[topk_select_operand::kCount];
  d.values[kSlots] = add_index_to_slot_paged(d.graph, d.values[kIdx], d.values[kSeqOfToken],
                                             d.values[kPageTable], {p.page_size});
  return d.graph.status();
}

}  // namespace

const OpDef op::indexer_topk{
    .name = kName,
    .params_size = sizeof(IndexerTopkParams),
    .operands = kOperands,
    .infer = infer,
    .flops = flops,
    .bytes = bytes,
    .decompose = decompose,
    .tolerance = {.f32 = 0},
    .per_token = operand_bits({indexer_topk_operand::kQ, indexer_topk_operand::kWeights,
                               indexer_topk_operand::kQScale, indexer_topk_operand::kSeqOfToken,
                               indexer_topk_operand::kKe, indexer_topk_operand::kIdx,
                               indexer_topk_operand::kCount, indexer_topk_operand::kSlots}),
};

}  // namespace tamis
