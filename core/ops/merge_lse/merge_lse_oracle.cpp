#include <cmath>

#include "core/ops/merge_lse/merge_lse.h"
#include "core/ops/oracle/oracle.h"

namespace tamis {

Status oracle::merge_lse(OracleCall& call) {
  using namespace merge_lse_operand;
  for (std::int64_t t = 0; t < call.dim(kA, 0); ++t) {
    for (std::int64_t h = 0; h < call.dim(kA, 1); ++h) {
      const double lse_a = call.get(kLseA, {t, h}), lse_b = call.get(kLseB, {t, h});
      const double top = std::fmax(lse_a, lse_b);
      const bool has_a = lse_a != -INFINITY, has_b = lse_b != -INFINITY;
      const double weight_a = lse_a == top ? 1.0 : std::exp(lse_a - top);
      const double weight_b = lse_b == top ? 1.0 : std::exp(lse_b - top);
      const double total = (has_a ? weight_a : 0.0) + (has_b ? weight_b : 0.0);
      call.set(kLse, {t, h}, total > 0 ? top + std::log(total) : -INFINITY);
      for (std::int64_t i = 0; i < call.dim(kA, 2); ++i) {
        double sum = 0;
        if (has_a) sum += weight_a / total * call.get(kA, {t, h, i});
        if (has_b) sum += weight_b / total * call.get(kB, {t, h, i});
        call.set(kOut, {t, h, i}, sum);
      }
    }
  }
  return {};
}

}  // namespace tamis
