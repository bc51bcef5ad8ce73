#include <algorithm>
#include <cmath>
#include <limits>

#include "core/ops/indexer_topk/indexer_topk.h"
#include "core/ops/oracle/oracle.h"

namespace tamis {
namespace {

using namespace indexer_topk_operand;

std::int64_t slot_of(OracleCall& call, std::int64_t t, std::int64_t position) {
  const std::int64_t page_size = call.params<IndexerTopkParams>().page_size;
  const std::int64_t seq = call.has(kSeqOfToken) ? call.get_int(kSeqOfToken, {t}) : 0;
  if (seq < 0 || seq >= call.dim(kPageTable, 0) || position / page_size >= call.dim(kPageTable, 1)) return -1;
  const std::int64_t page = call.get_int(kPageTable, {seq, position / page_size});
  const std::int64_t slot = page * page_size + position % page_size;
  return page < 0 || slot > 0x7fffffff ? -1 : slot;
}

// Σ_h w'[h] relu(q[h] · k), times the key's scale, rounded to the fp32 that the contract selects on.
double score(OracleCall& call, std::int64_t t, std::int64_t slot, const std::vector<double>& q) {
  const auto& params = call.params<IndexerTopkParams>();
  const bool fp8 = params.format == IndexFormat::kFp8Paged;
  const std::int64_t heads = call.dim(kQ, 1), dim = call.dim(kQ, 2), page_size = params.page_size;
  const std::int64_t slots = fp8 ? call.dim(kKeys, 0) * page_size : call.dim(kKeys, 0);
  if (slot < 0 || slot >= slots) return -std::numeric_limits<double>::infinity();
  const std::byte* page = call.bytes(kKeys) + slot / page_size * call.desc(kKeys).stride(0);
  std::vector<double> key;
  for (std::int64_t i = 0; i < dim; ++i) {
    key.push_back(fp8 ? load_element(DType::kE4M3, page + slot % page_size * dim + i)
                      : call.get(kKeys, {slot, i}));
  }
  double sum = 0;
  for (std::int64_t h = 0; h < heads; ++h) {
    double dot = 0;
    for (std::int64_t i = 0; i < dim; ++i) {
      dot += q[static_cast<std::size_t>(h * dim + i)] * key[static_cast<std::size_t>(i)];
    }
    const double q_scale = call.has(kQScale) ? call.get(kQScale, {t, h}) : 1.0;
    sum += call.get(kWeights, {t, h}) * q_scale * params.scale * (dot > 0 ? dot : 0.0);
  }
  const double scale = fp8 ? load_element(DType::kF32, page + page_size * dim + slot % page_size * 4) : 1.0;
  return round_to(DType::kF32, scale * sum);
}

}  // namespace

Status oracle::indexer_topk(OracleCall& call) {
  const auto& params = call.params<IndexerTopkParams>();
  const std::int64_t heads = call.dim(kQ, 1), dim = call.dim(kQ, 2), k = params.k;
  for (std::int64_t t = 0; t < call.dim(kQ, 0); ++t) {
    const std::int64_t keys = std::clamp<std::int64_t>(call.get_int(kKe, {t}), 0, params.max_keys);
    std::vector<double> q, scores;
    for (std::int64_t i = 0; i < heads * dim; ++i) q.push_back(call.get(kQ, {t, i / dim, i % dim}));
    std::vector<std::int64_t> order;
    for (std::int64_t s = 0; s < keys; ++s) {
      scores.push_back(score(call, t, slot_of(call, t, s), q));
      order.push_back(s);
    }
    std::stable_sort(order.begin(), order.end(), [&](std::int64_t a, std::int64_t b) {
      const double x = scores[static_cast<std::size_t>(a)], y = scores[static_cast<std::size_t>(b)];
      if (std::isnan(x)) return false;
      return std::isnan(y) || x > y;
    });
    if (keys > k) order.resize(static_cast<std::size_t>(k));
    std::sort(order.begin(), order.end());
    const auto count = static_cast<std::int64_t>(order.size());
    call.set(kCount, {t}, static_cast<double>(count));
    for (std::int64_t i = 0; i < k; ++i) {
      const std::int64_t position = i < count ? order[static_cast<std::size_t>(i)] : -1;
      call.set(kIdx, {t, i}, static_cast<double>(position));
      call.set(kSlots, {t, i}, position < 0 ? -1.0 : static_cast<double>(slot_of(call, t, position)));
    }
  }
  return {};
}

}  // namespace tamis
