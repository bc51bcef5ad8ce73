#include "core/ops/kv_store/kv_store.h"
#include "core/ops/oracle/kv_row.h"

namespace tamis {

Status oracle::kv_store(OracleCall& call) {
  using namespace kv_store_operand;
  const auto& params = call.params<KvStoreParams>();
  const KvLayout layout{params.format, params.c, params.r};
  for (std::int64_t t = 0; t < call.dim(kLatent, 0); ++t) {
    const std::int64_t slot = call.get_int(kSlot, {t});
    if (slot < 0 || slot >= call.dim(kCache, 0)) continue;
    std::vector<double> row;
    for (std::int64_t i = 0; i < layout.c; ++i) row.push_back(call.get(kLatent, {t, i}));
    for (std::int64_t i = 0; i < layout.r; ++i) row.push_back(call.get(kKRope, {t, i}));
    write_kv_row(call, kCache, layout, slot, row);
  }
  return {};
}

}  // namespace tamis
