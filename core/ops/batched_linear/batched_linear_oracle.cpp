#include "core/ops/batched_linear/batched_linear.h"
#include "core/ops/oracle/rows.h"

namespace tamis {

Status oracle::batched_linear(OracleCall& call) {
  using namespace batched_linear_operand;
  const auto& params = call.params<BatchedLinearParams>();
  const std::int64_t heads = call.dim(kX, 1), k = call.dim(kX, 2), n = call.dim(kY, 2);
  for (std::int64_t r = 0; r < row_count(call.desc(kX)); ++r) {
    const std::int64_t t = r / heads, head = r % heads;
    const std::vector<double> x = fake_quantize(params.act_quant, get_row(call, kX, r));
    for (std::int64_t j = 0; j < n; ++j) {
      double sum = 0;
      for (std::int64_t i = 0; i < k; ++i) {
        const double w =
            params.w_is_kn ? call.weight(kWeight, head * k + i, j) : call.weight(kWeight, head * n + j, i);
        sum += x[static_cast<std::size_t>(i)] * w;
      }
      call.set(kY, {t, head, j}, sum);
    }
  }
  return {};
}

}  // namespace tamis
