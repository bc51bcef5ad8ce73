#include <cmath>

#include "core/ops/add_rms_norm/add_rms_norm.h"
#include "core/ops/oracle/rows.h"

namespace tamis {

Status oracle::add_rms_norm(OracleCall& call) {
  using namespace add_rms_norm_operand;
  const std::vector<double> weight = get_row(call, kWeight, 0);
  for (std::int64_t t = 0; t < call.dim(kX, 0); ++t) {
    std::vector<double> row = get_row(call, kX, t);
    const std::vector<double> delta = get_row(call, kDelta, t);
    double squares = 0;
    for (std::size_t i = 0; i < row.size(); ++i) {
      row[i] = round_to(call.desc(kSum).dtype, row[i] + delta[i]);
      squares += row[i] * row[i];
    }
    set_row(call, kSum, t, row);
    const double rms =
        std::sqrt(squares / static_cast<double>(row.size()) + call.params<AddRmsNormParams>().eps);
    for (std::size_t i = 0; i < row.size(); ++i) row[i] = row[i] / rms * weight[i];
    set_row(call, kY, t, row);
  }
  return {};
}

}  // namespace tamis
