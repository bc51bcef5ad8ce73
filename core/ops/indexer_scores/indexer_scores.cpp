#include "core/ops/indexer_scores/indexer_scores.h"

#include <array>

#include "core/ops/index_k_store/indexer_checks.h"

namespace tamis {

Status indexer::check_queries(const char* op, const TensorDesc& q, const TensorDesc& w,
                              const TensorDesc& q_scale) {
  if (q.rank != 3 || !is_score_input(q.dtype))
    return shape_error(op, "q", "f32, bf16, f16 or e4m3 [T, Hi, Di]", q);
  TAMIS_RETURN_IF_ERROR(check({op, "w", DType::kF32, {q.dim(0), q.dim(1)}}, w));
  return check_optional({op, "q_scale", DType::kF32, {q.dim(0), q.dim(1)}}, q_scale);
}

Status indexer::check_paging(const char* op, std::int64_t tokens, const TensorDesc& seq_of_token,
                             const TensorDesc& page_table) {
  TAMIS_RETURN_IF_ERROR(check_optional({op, "seq_of_token", DType::kI32, {tokens}}, seq_of_token));
  return check({op, "page_table", DType::kI32, {kAnySize, kAnySize}}, page_table);
}

double indexer::unseen_cache_bytes(const CacheUse& use, const TensorDesc& cache,
                                   const TensorDesc& page_table) {
  const std::int64_t slots =
      use.format == IndexFormat::kFp8Paged ? cache.dim(0) * use.page_size : cache.dim(0);
  const std::int64_t seen = page_table.dim(0) * use.max_keys;
  if (seen >= slots) return 0;
  const double row = static_cast<double>(cache.elements()) / static_cast<double>(slots);
  return static_cast<double>(slots - seen) * row * static_cast<double>(dtype_size(cache.dtype));
}

namespace {

using namespace indexer_scores_operand;
using indexer::check;
using indexer::check_absent;
using indexer::check_optional;

constexpr const char* kName = "indexer_scores";
constexpr std::array<OperandDef, 10> kOperands{{{"q", Role::kIn},
                                                {"w", Role::kIn},
                                                {"q_scale", Role::kIn, true},
                                                {"keys", Role::kIn},
                                                {"key_scale", Role::kIn, true},
                                                {"seq_of_token", Role::kIn, true},
                                                {"page_table", Role::kIn, true},
                                                {"ks", Role::kIn, true},
                                                {"ke", Role::kIn},
                                                {"scores", Role::kOut}}};

Status check_ragged_keys(std::span<const TensorDesc> d) {
  const std::int64_t tokens = d[kQ].dim(0), dim = d[kQ].dim(2);
  if (!indexer::is_score_input(d[kKeys].dtype) || !indexer::has_shape(d[kKeys], {indexer::kAnySize, dim})) {
    return shape_error(kName, "keys", fmt::format("f32, bf16, f16 or e4m3 [S, {}]", dim), d[kKeys]);
  }
  if (d[kKeys].dtype == DType::kE4M3) {
    TAMIS_RETURN_IF_ERROR(check_optional({kName, "key_scale", DType::kF32, {d[kKeys].dim(0)}}, d[kKeyScale]));
  } else {
    TAMIS_RETURN_IF_ERROR(check_absent(kName, "key_scale", "keys are not e4m3", d[kKeyScale]));
  }
  TAMIS_RETURN_IF_ERROR(check_absent(kName, "seq_of_token", "keys are ragged", d[kSeqOfToken]));
  TAMIS_RETURN_IF_ERROR(check_absent(kName, "page_table", "keys are ragged", d[kPageTable]));
  return check_optional({kName, "ks", DType::kI32, {tokens}}, d[kKs]);
}

Status check_paged_keys(const IndexerScoresParams& p, std::span<const TensorDesc> d) {
  if (p.page_size < 1)
    return invalid_argument("{}: page_size: expected at least 1, found {}", kName, p.page_size);
  TAMIS_RETURN_IF_ERROR(indexer::check_index_cache(kName, p.format, p.page_size, d[kQ].dim(2), d[kKeys]));
  TAMIS_RETURN_IF_ERROR(check_absent(kName, "key_scale", "the cache holds the scales", d[kKeyScale]));
  TAMIS_RETURN_IF_ERROR(check_absent(kName, "ks", "positions begin at 0", d[kKs]));
  return indexer::check_paging(kName, d[kQ].dim(0), d[kSeqOfToken], d[kPageTable]);
}

Status infer(const void* params, std::span<TensorDesc> d) {
  const auto& p = *static_cast<const IndexerScoresParams*>(params);
  if (p.max_keys < 1)
    return invalid_argument("{}: max_keys: expected at least 1, found {}", kName, p.max_keys);
  TAMIS_RETURN_IF_ERROR(indexer::check_queries(kName, d[kQ], d[kWeights], d[kQScale]));
  TAMIS_RETURN_IF_ERROR(p.paged ? check_paged_keys(p, d) : check_ragged_keys(d));
  const std::int64_t tokens = d[kQ].dim(0);
  TAMIS_RETURN_IF_ERROR(check({kName, "ke", DType::kI32, {tokens}}, d[kKe]));
  return set_output(kName, "scores", {DType::kF32, {tokens, p.max_keys}}, d[kScores]);
}

double flops(const OpCall& call) {
  const TensorDesc& q = call[kQ].desc;
  return 2.0 * static_cast<double>(q.dim(0) * q.dim(1)) * static_cast<double>(call[kScores].desc.dim(1)) *
         static_cast<double>(q.dim(2) + 1);
}

double bytes(const OpCall& call) {
  const auto& p = call.as<IndexerScoresParams>();
  const double total = operand_bytes(call);
  if (!p.paged) return total;
  return total - indexer::unseen_cache_bytes({p.format, p.page_size, p.max_keys}, call[kKeys].desc,
                                             call[kPageTable].desc);
}

}  // namespace

const OpDef op::indexer_scores{
    .name = kName,
    .params_size = sizeof(IndexerScoresParams),
    .operands = kOperands,
    .infer = infer,
    .flops = flops,
    .bytes = bytes,
    .decompose = nullptr,
    .tolerance = {.f32 = 1e-5},
    .per_token = operand_bits({indexer_scores_operand::kQ, indexer_scores_operand::kWeights,
                               indexer_scores_operand::kQScale, indexer_scores_operand::kSeqOfToken,
                               indexer_scores_operand::kKs, indexer_scores_operand::kKe,
                               indexer_scores_operand::kScores}),
};

}  // namespace tamis
