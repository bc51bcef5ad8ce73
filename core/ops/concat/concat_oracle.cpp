#include "core/ops/concat/concat.h"
#include "core/ops/oracle/rows.h"

namespace tamis {

Status oracle::concat(OracleCall& call) {
  using namespace concat_operand;
  for (std::int64_t r = 0; r < row_count(call.desc(kA)); ++r) {
    std::vector<double> row = get_row(call, kA, r);
    const std::vector<double> tail = get_row(call, kB, r);
    row.insert(row.end(), tail.begin(), tail.end());
    set_row(call, kY, r, row);
  }
  return {};
}

}  // namespace tamis
