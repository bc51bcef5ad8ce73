#include <cmath>

#include "core/ops/oracle/rows.h"
#include "core/ops/rms_norm/rms_norm.h"

namespace tamis {

Status oracle::rms_norm(OracleCall& call) {
  using namespace rms_norm_operand;
  const std::vector<double> weight = get_row(call, kWeight, 0);
  for (std::int64_t t = 0; t < call.dim(kX, 0); ++t) {
    std::vector<double> row = get_row(call, kX, t);
    double squares = 0;
    for (double value : row) squares += value * value;
    const double rms =
        std::sqrt(squares / static_cast<double>(row.size()) + call.params<RmsNormParams>().eps);
    for (std::size_t i = 0; i < row.size(); ++i) row[i] = row[i] / rms * weight[i];
    set_row(call, kY, t, row);
  }
  return {};
}

}  // namespace tamis
