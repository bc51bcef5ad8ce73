#include <algorithm>
#include <cmath>

#include "core/ops/oracle/oracle.h"
#include "core/ops/topk_select/topk_select.h"

namespace tamis {

Status oracle::topk_select(OracleCall& call) {
  using namespace topk_select_operand;
  const std::int64_t k = call.params<TopkSelectParams>().k, width = call.dim(kScores, 1);
  for (std::int64_t t = 0; t < call.dim(kScores, 0); ++t) {
    const std::int64_t first = call.has(kKs) ? std::clamp<std::int64_t>(call.get_int(kKs, {t}), 0, width) : 0;
    const std::int64_t last = std::min(call.get_int(kKe, {t}), width);
    std::vector<std::int64_t> order;
    for (std::int64_t s = first; s < last; ++s) order.push_back(s);
    // Comparing doubles: -0 == +0, -inf < finite. A stable sort keeps the lower index first among equals.
    std::stable_sort(order.begin(), order.end(), [&](std::int64_t a, std::int64_t b) {
      const double x = call.get(kScores, {t, a}), y = call.get(kScores, {t, b});
      if (std::isnan(x)) return false;
      return std::isnan(y) || x > y;
    });
    if (static_cast<std::int64_t>(order.size()) > k) order.resize(static_cast<std::size_t>(k));
    std::sort(order.begin(), order.end());
    const auto count = static_cast<std::int64_t>(order.size());
    for (std::int64_t i = 0; i < k; ++i) {
      call.set(kIdx, {t, i},
               i < count ? static_cast<double>(order[static_cast<std::size_t>(i)] - first) : -1.0);
    }
    call.set(kCount, {t}, static_cast<double>(count));
  }
  return {};
}

}  // namespace tamis
