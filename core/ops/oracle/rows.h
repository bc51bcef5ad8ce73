// Operands of any rank as [rows, n], n their last dimension: for oracles of ops that treat all leading
// dimensions alike.
#pragma once

#include "core/ops/oracle/oracle.h"

namespace tamis {

inline std::int64_t row_count(const TensorDesc& desc) {
  std::int64_t count = 1;
  for (int axis = 0; axis + 1 < desc.rank; ++axis) count *= desc.dim(axis);
  return count;
}

inline std::vector<double> get_row(const OracleCall& call, int operand, std::int64_t row) {
  const TensorDesc& d = call.desc(operand);
  std::int64_t offset = 0;
  for (int axis = d.rank - 2; axis >= 0; --axis) {
    offset += row % d.dim(axis) * d.stride(axis);
    row /= d.dim(axis);
  }
  const auto size = static_cast<std::int64_t>(dtype_size(d.dtype));
  std::vector<double> values(static_cast<std::size_t>(d.dim(-1)));
  for (std::size_t i = 0; i < values.size(); ++i) {
    values[i] = load_element(d.dtype, call.bytes(operand) + (offset + static_cast<std::int64_t>(i)) * size);
  }
  return values;
}

inline void set_row(OracleCall& call, int operand, std::int64_t row, std::span<const double> values) {
  const auto first = static_cast<std::size_t>(row) * values.size();
  for (std::size_t i = 0; i < values.size(); ++i) call.out(operand)[first + i] = values[i];
}

}  // namespace tamis
