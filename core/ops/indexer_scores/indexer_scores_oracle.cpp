#include <algorithm>
#include <limits>

#include "core/ops/indexer_scores/indexer_scores.h"
#include "core/ops/oracle/oracle.h"

namespace tamis {
namespace {

using namespace indexer_scores_operand;

struct OracleKey {
  bool present = false;
  std::vector<double> values;
  double scale = 1;
};

OracleKey paged_key(OracleCall& call, std::int64_t t, std::int64_t position) {
  const auto& params = call.params<IndexerScoresParams>();
  const bool fp8 = params.format == IndexFormat::kFp8Paged;
  const std::int64_t page_size = params.page_size, dim = call.dim(kQ, 2);
  const std::int64_t seq = call.has(kSeqOfToken) ? call.get_int(kSeqOfToken, {t}) : 0;
  if (seq < 0 || seq >= call.dim(kPageTable, 0) || position / page_size >= call.dim(kPageTable, 1)) return {};
  const std::int64_t page = call.get_int(kPageTable, {seq, position / page_size}),
                     offset = position % page_size;
  const std::int64_t slots = fp8 ? call.dim(kKeys, 0) * page_size : call.dim(kKeys, 0);
  if (page < 0 || page * page_size + offset >= slots) return {};
  OracleKey key{true, std::vector<double>(static_cast<std::size_t>(dim)), 1};
  for (std::int64_t i = 0; i < dim; ++i) {
    const auto at = static_cast<std::size_t>(i);
    if (!fp8) {
      key.values[at] = call.get(kKeys, {page * page_size + offset, i});
    } else {
      const std::byte* row = call.bytes(kKeys) + page * call.desc(kKeys).stride(0);
      key.values[at] = load_element(DType::kE4M3, row + offset * dim + i);
      key.scale = load_element(DType::kF32, row + page_size * dim + offset * 4);
    }
  }
  return key;
}

OracleKey ragged_key(OracleCall& call, std::int64_t row) {
  if (row >= call.dim(kKeys, 0)) return {};
  OracleKey key{true, {}, call.has(kKeyScale) ? call.get(kKeyScale, {row}) : 1.0};
  for (std::int64_t i = 0; i < call.dim(kQ, 2); ++i) key.values.push_back(call.get(kKeys, {row, i}));
  return key;
}

double score(OracleCall& call, const std::vector<double>& q, std::int64_t t, const OracleKey& key) {
  double sum = 0;
  for (std::int64_t h = 0; h < call.dim(kQ, 1); ++h) {
    double dot = 0;
    for (std::size_t i = 0; i < key.values.size(); ++i) {
      dot += q[static_cast<std::size_t>(h) * key.values.size() + i] * key.values[i];
    }
    const double q_scale = call.has(kQScale) ? call.get(kQScale, {t, h}) : 1.0;
    const double weight = call.get(kWeights, {t, h}) * q_scale * call.params<IndexerScoresParams>().scale;
    sum += weight * (dot > 0 ? dot : 0.0);
  }
  return key.scale * sum;
}

}  // namespace

Status oracle::indexer_scores(OracleCall& call) {
  const auto& params = call.params<IndexerScoresParams>();
  const std::int64_t heads = call.dim(kQ, 1), dim = call.dim(kQ, 2);
  for (std::int64_t t = 0; t < call.dim(kQ, 0); ++t) {
    std::vector<double> q;
    for (std::int64_t h = 0; h < heads; ++h) {
      for (std::int64_t i = 0; i < dim; ++i) q.push_back(call.get(kQ, {t, h, i}));
    }
    const std::int64_t first = call.has(kKs) ? std::max<std::int64_t>(0, call.get_int(kKs, {t})) : 0;
    const std::int64_t last = call.get_int(kKe, {t});
    for (std::int64_t s = 0; s < params.max_keys; ++s) {
      OracleKey key;
      if (s >= first && s < last) key = params.paged ? paged_key(call, t, s) : ragged_key(call, s);
      call.set(kScores, {t, s},
               key.present ? score(call, q, t, key) : -std::numeric_limits<double>::infinity());
    }
  }
  return {};
}

}  // namespace tamis
