#include <cmath>

#include "core/ops/argmax/argmax.h"
#include "core/ops/oracle/oracle.h"

namespace tamis {

Status oracle::argmax(OracleCall& call) {
  using namespace argmax_operand;
  for (std::int64_t row = 0; row < call.dim(kLogits, 0); ++row) {
    std::int64_t best = -1;
    for (std::int64_t i = 0; i < call.dim(kLogits, 1); ++i) {
      const double value = call.get(kLogits, {row, i});
      if (std::isnan(value)) continue;
      if (best < 0 || value > call.get(kLogits, {row, best})) best = i;
    }
    call.set(kToken, {row}, static_cast<double>(best < 0 ? 0 : best));
  }
  return {};
}

}  // namespace tamis
