#include <cmath>

#include "core/ops/oracle/rows.h"
#include "core/ops/silu_mul/silu_mul.h"

namespace tamis {

Status oracle::silu_mul(OracleCall& call) {
  using namespace silu_mul_operand;
  for (std::int64_t t = 0; t < call.dim(kX, 0); ++t) {
    const std::vector<double> x = get_row(call, kX, t);
    std::vector<double> y(x.size() / 2);
    for (std::size_t i = 0; i < y.size(); ++i) y[i] = x[i] / (1.0 + std::exp(-x[i])) * x[y.size() + i];
    set_row(call, kY, t, y);
  }
  return {};
}

}  // namespace tamis
