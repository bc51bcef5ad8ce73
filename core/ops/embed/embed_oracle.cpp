#include "core/ops/embed/embed.h"
#include "core/ops/oracle/oracle.h"

namespace tamis {

Status oracle::embed(OracleCall& call) {
  using namespace embed_operand;
  const std::int64_t vocabulary = call.dim(kTable, 0), h = call.dim(kTable, 1);
  for (std::int64_t t = 0; t < call.dim(kIds, 0); ++t) {
    const std::int64_t id = call.get_int(kIds, {t});
    if (id < 0 || id >= vocabulary) continue;
    for (std::int64_t i = 0; i < h; ++i) call.set(kY, {t, i}, call.weight(kTable, id, i));
  }
  return {};
}

}  // namespace tamis
