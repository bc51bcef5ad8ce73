#include <algorithm>
#include <cmath>
#include <numeric>

#include "core/ops/moe_route/moe_route.h"
#include "core/ops/oracle/oracle.h"

namespace tamis {
namespace {

using namespace moe_route_operand;

// Best first: larger value, NaN behind every number, lower index on ties.
std::vector<std::size_t> ranking(const std::vector<double>& values) {
  std::vector<std::size_t> order(values.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
    if (std::isnan(values[b])) return !std::isnan(values[a]);
    return values[a] > values[b];
  });
  return order;
}

double group_score(std::vector<double> scores) {
  const std::vector<std::size_t> order = ranking(scores);
  if (scores.size() == 1) return scores[0];
  return round_to(DType::kF32, scores[order[0]] + scores[order[1]]);
}

// Ids of the experts chosen by their biased scores, ascending.
std::vector<std::size_t> select(const MoeRouteParams& params, const std::vector<double>& biased) {
  const std::size_t groups = static_cast<std::size_t>(params.n_group), size = biased.size() / groups;
  std::vector<double> group_scores;
  for (std::size_t g = 0; g < groups; ++g) {
    const auto first = biased.begin() + static_cast<std::ptrdiff_t>(g * size);
    group_scores.push_back(group_score({first, first + static_cast<std::ptrdiff_t>(size)}));
  }
  std::vector<std::size_t> kept = ranking(group_scores);
  kept.resize(static_cast<std::size_t>(params.topk_group));
  std::vector<std::size_t> chosen;
  for (std::size_t e : ranking(biased)) {
    const bool stays = std::find(kept.begin(), kept.end(), e / size) != kept.end();
    if (stays && chosen.size() < static_cast<std::size_t>(params.topk)) chosen.push_back(e);
  }
  std::sort(chosen.begin(), chosen.end());
  return chosen;
}

}  // namespace

Status oracle::moe_route(OracleCall& call) {
  const auto& params = call.params<MoeRouteParams>();
  for (std::int64_t t = 0; t < call.dim(kLogits, 0); ++t) {
    for (std::int64_t j = 0; j < params.topk; ++j) call.set(kIds, {t, j}, -1);
    if (call.has(kSlot) && call.get_int(kSlot, {t}) < 0) continue;
    std::vector<double> p, biased;
    for (std::int64_t e = 0; e < call.dim(kLogits, 1); ++e) {
      p.push_back(round_to(DType::kF32, 1.0 / (1.0 + std::exp(-call.get(kLogits, {t, e})))));
      biased.push_back(call.has(kBias) ? round_to(DType::kF32, p.back() + call.get(kBias, {e})) : p.back());
      if (std::isnan(p.back())) p.back() = 0;
    }
    const std::vector<std::size_t> chosen = select(params, biased);
    double sum = 1e-20;
    for (std::size_t e : chosen) sum += p[e];
    for (std::size_t j = 0; j < chosen.size(); ++j) {
      const double weight = params.norm_topk ? p[chosen[j]] / sum : p[chosen[j]];
      call.set(kIds, {t, static_cast<std::int64_t>(j)}, static_cast<double>(chosen[j]));
      call.set(kWeights, {t, static_cast<std::int64_t>(j)}, weight * params.scale);
    }
  }
  return {};
}

}  // namespace tamis
