#include "core/ops/linear/linear.h"
#include "core/ops/oracle/oracle.h"

namespace tamis {

Status oracle::linear(OracleCall& call) {
  using namespace linear_operand;
  const auto& params = call.params<LinearParams>();
  const std::int64_t rows = call.dim(kX, 0), k = call.dim(kX, 1), n = call.dim(kWeight, 0);
  for (std::int64_t t = 0; t < rows; ++t) {
    std::vector<double> x(static_cast<std::size_t>(k));
    for (std::int64_t i = 0; i < k; ++i) x[static_cast<std::size_t>(i)] = call.get(kX, {t, i});
    x = fake_quantize(params.act_quant, x);
    for (std::int64_t j = 0; j < n; ++j) {
      double sum = 0;
      for (std::int64_t i = 0; i < k; ++i) sum += x[static_cast<std::size_t>(i)] * call.weight(kWeight, j, i);
      call.set(kY, {t, j}, sum);
    }
  }
  return {};
}

}  // namespace tamis
