#include "core/ops/moe_combine/moe_combine.h"
#include "core/ops/oracle/oracle.h"

namespace tamis {

Status oracle::moe_combine(OracleCall& call) {
  using namespace moe_combine_operand;
  for (std::int64_t t = 0; t < call.dim(kRowOf, 0); ++t) {
    for (std::int64_t i = 0; i < call.dim(kY, 1); ++i) {
      double sum = call.has(kShared) ? call.get(kShared, {t, i}) : 0.0;
      for (std::int64_t j = 0; j < call.dim(kRowOf, 1); ++j) {
        const std::int64_t row = call.get_int(kRowOf, {t, j});
        if (row >= 0 && row < call.dim(kY, 0)) sum += call.get(kWeights, {t, j}) * call.get(kY, {row, i});
      }
      call.set(kOut, {t, i}, sum);
    }
  }
  return {};
}

}  // namespace tamis
