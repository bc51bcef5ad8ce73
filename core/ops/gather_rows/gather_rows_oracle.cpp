#include "core/ops/gather_rows/gather_rows.h"
#include "core/ops/oracle/rows.h"

namespace tamis {

Status oracle::gather_rows(OracleCall& call) {
  using namespace gather_rows_operand;
  for (std::int64_t i = 0; i < call.dim(kRows, 0); ++i) {
    const std::int64_t row = call.get_int(kRows, {i});
    if (row >= 0 && row < call.dim(kX, 0)) set_row(call, kY, i, get_row(call, kX, row));
  }
  return {};
}

}  // namespace tamis
