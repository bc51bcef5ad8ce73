#include <bit>
#include <cmath>

#include "core/ops/hadamard/hadamard.h"
#include "core/ops/oracle/rows.h"

namespace tamis {

// The matrix itself, without butterflies.
Status oracle::hadamard(OracleCall& call) {
  using namespace hadamard_operand;
  for (std::int64_t r = 0; r < row_count(call.desc(kX)); ++r) {
    const std::vector<double> x = get_row(call, kX, r);
    std::vector<double> y(x.size());
    for (std::size_t i = 0; i < y.size(); ++i) {
      for (std::size_t j = 0; j < x.size(); ++j) y[i] += std::popcount(i & j) % 2 == 0 ? x[j] : -x[j];
      y[i] /= std::sqrt(static_cast<double>(x.size()));
    }
    set_row(call, kY, r, y);
  }
  return {};
}

}  // namespace tamis
