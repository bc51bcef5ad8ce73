#include <algorithm>
#include <cmath>

#include "core/numeric/fp8.h"
#include "core/ops/oracle/rows.h"
#include "core/ops/quantize_group/quantize_group.h"

namespace tamis {

Status oracle::quantize_group(OracleCall& call) {
  using namespace quantize_group_operand;
  const auto& params = call.params<QuantizeGroupParams>();
  const auto group = static_cast<std::size_t>(params.group);
  std::size_t next_scale = 0;  // [T, groups] and [T, h] are both in the order of the groups
  for (std::int64_t r = 0; r < row_count(call.desc(kX)); ++r) {
    std::vector<double> row = get_row(call, kX, r);
    for (std::size_t begin = 0; begin < row.size(); begin += group) {
      const std::size_t end = std::min(begin + group, row.size());
      double amax = 0;
      for (std::size_t i = begin; i < end; ++i) amax = std::fmax(amax, std::fabs(row[i]));
      const float scale = numeric::activation_scale(static_cast<float>(amax), params.pow2);
      for (std::size_t i = begin; i < end; ++i)
        row[i] = round_to(DType::kE4M3, static_cast<float>(row[i]) / scale);
      call.out(kScales)[next_scale++] = scale;
    }
    set_row(call, kCodes, r, row);
  }
  return {};
}

}  // namespace tamis
