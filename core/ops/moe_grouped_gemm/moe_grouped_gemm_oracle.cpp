#include <algorithm>

#include "core/ops/moe_grouped_gemm/moe_grouped_gemm.h"
#include "core/ops/oracle/oracle.h"

namespace tamis {

Status oracle::moe_grouped_gemm(OracleCall& call) {
  using namespace moe_grouped_gemm_operand;
  const auto& params = call.params<MoeGroupedGemmParams>();
  const std::int64_t rows = call.dim(kX, 0), k = call.dim(kX, 1), n = call.dim(kWeight, 1);
  std::int64_t row = 0;
  for (std::int64_t e = 0; e < call.dim(kWeight, 0); ++e) {
    const std::int64_t end = std::min(call.get_int(kOffsets, {e + 1}), rows);
    for (; row < end; ++row) {
      std::vector<double> x;
      for (std::int64_t i = 0; i < k; ++i) x.push_back(call.get(kX, {row, i}));
      x = fake_quantize(params.act_quant, x);
      for (std::int64_t j = 0; j < n; ++j) {
        double sum = 0;
        for (std::int64_t i = 0; i < k; ++i)
          sum += x[static_cast<std::size_t>(i)] * call.weight(kWeight, e * n + j, i);
        call.set(kY, {row, j}, sum);
      }
    }
  }
  return {};
}

}  // namespace tamis
