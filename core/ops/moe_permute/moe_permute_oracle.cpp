#include "core/ops/moe_permute/moe_permute.h"
#include "core/ops/oracle/oracle.h"

namespace tamis {

Status oracle::moe_permute(OracleCall& call) {
  using namespace moe_permute_operand;
  const std::int64_t tokens = call.dim(kIds, 0), topk = call.dim(kIds, 1);
  for (std::int64_t t = 0; t < tokens; ++t) {
    for (std::int64_t j = 0; j < topk; ++j) call.set(kRowOf, {t, j}, -1);
  }
  std::int64_t row = 0;
  for (std::int64_t e = 0; e < call.params<MoePermuteParams>().n_experts; ++e) {
    call.set(kOffsets, {e}, static_cast<double>(row));
    for (std::int64_t t = 0; t < tokens; ++t) {
      for (std::int64_t j = 0; j < topk; ++j) {
        if (call.get_int(kIds, {t, j}) != e) continue;
        for (std::int64_t i = 0; i < call.dim(kX, 1); ++i) call.set(kXp, {row, i}, call.get(kX, {t, i}));
        call.set(kRowOf, {t, j}, static_cast<double>(row++));
      }
    }
  }
  call.set(kOffsets, {call.params<MoePermuteParams>().n_experts}, static_cast<double>(row));
  return {};
}

}  // namespace tamis
