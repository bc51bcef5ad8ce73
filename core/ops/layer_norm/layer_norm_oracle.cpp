#include <cmath>

#include "core/ops/layer_norm/layer_norm.h"
#include "core/ops/oracle/rows.h"

namespace tamis {

Status oracle::layer_norm(OracleCall& call) {
  using namespace layer_norm_operand;
  const std::vector<double> weight = get_row(call, kWeight, 0), bias = get_row(call, kBias, 0);
  for (std::int64_t t = 0; t < call.dim(kX, 0); ++t) {
    std::vector<double> row = get_row(call, kX, t);
    double mean = 0, variance = 0;
    for (double value : row) mean += value / static_cast<double>(row.size());
    for (double value : row) variance += (value - mean) * (value - mean) / static_cast<double>(row.size());
    const double deviation = std::sqrt(variance + call.params<LayerNormParams>().eps);
    for (std::size_t i = 0; i < row.size(); ++i) row[i] = (row[i] - mean) / deviation * weight[i] + bias[i];
    set_row(call, kY, t, row);
  }
  return {};
}

}  // namespace tamis
