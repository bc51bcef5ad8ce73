#include <cmath>

#include "core/ops/moe_experts/moe_experts.h"
#include "core/ops/oracle/oracle.h"

namespace tamis {
namespace {

using namespace moe_experts_operand;

// Rows [first, first + count) of a weight times `x` after act_quant, each result rounded to `dtype`.
std::vector<double> project(OracleCall& call, int weight, std::int64_t first, std::int64_t count,
                            const std::vector<double>& x) {
  const DType dtype = call.desc(kX).dtype;
  const std::vector<double> quantized = fake_quantize(call.params<MoeExpertsParams>().act_quant, x);
  std::vector<double> y;
  for (std::int64_t row = first; row < first + count; ++row) {
    double sum = 0;
    for (std::size_t i = 0; i < x.size(); ++i) {
      sum += quantized[i] * call.weight(weight, row, static_cast<std::int64_t>(i));
    }
    y.push_back(round_to(dtype, sum));
  }
  return y;
}

std::vector<double> expert(OracleCall& call, std::int64_t e, const std::vector<double>& x) {
  const std::int64_t hidden = call.dim(kW2, 1), inner = call.dim(kW2, 2);
  const std::vector<double> gate = project(call, kW13, e * 2 * inner, inner, x);
  const std::vector<double> up = project(call, kW13, (e * 2 + 1) * inner, inner, x);
  std::vector<double> product;
  for (std::size_t i = 0; i < gate.size(); ++i) {
    product.push_back(round_to(call.desc(kX).dtype, gate[i] / (1.0 + std::exp(-gate[i])) * up[i]));
  }
  return project(call, kW2, e * hidden, hidden, product);
}

}  // namespace

Status oracle::moe_experts(OracleCall& call) {
  const std::int64_t hidden = call.dim(kX, 1);
  for (std::int64_t t = 0; t < call.dim(kX, 0); ++t) {
    std::vector<double> x, sum(static_cast<std::size_t>(hidden), 0.0);
    for (std::int64_t i = 0; i < hidden; ++i) x.push_back(call.get(kX, {t, i}));
    for (std::int64_t j = 0; j < call.dim(kIds, 1); ++j) {
      const std::int64_t e = call.get_int(kIds, {t, j});
      if (e < 0 || e >= call.dim(kW2, 0)) continue;
      const std::vector<double> y = expert(call, e, x);
      for (std::size_t i = 0; i < y.size(); ++i) sum[i] += call.get(kWeights, {t, j}) * y[i];
    }
    for (std::int64_t i = 0; i < hidden; ++i) {
      const double shared = call.has(kShared) ? call.get(kShared, {t, i}) : 0.0;
      call.set(kOut, {t, i}, sum[static_cast<std::size_t>(i)] + shared);
    }
  }
  return {};
}

}  // namespace tamis
