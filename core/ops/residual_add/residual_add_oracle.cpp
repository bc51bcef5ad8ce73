#include "core/ops/oracle/rows.h"
#include "core/ops/residual_add/residual_add.h"

namespace tamis {

Status oracle::residual_add(OracleCall& call) {
  using namespace residual_add_operand;
  for (std::int64_t t = 0; t < call.dim(kX, 0); ++t) {
    std::vector<double> row = get_row(call, kX, t);
    const std::vector<double> delta = get_row(call, kDelta, t);
    for (std::size_t i = 0; i < row.size(); ++i) row[i] += delta[i];
    set_row(call, kY, t, row);
  }
  return {};
}

}  // namespace tamis
