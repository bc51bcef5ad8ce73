#include "core/ops/kv_gather/kv_gather.h"
#include "core/ops/oracle/kv_row.h"

namespace tamis {

Status oracle::kv_gather(OracleCall& call) {
  using namespace kv_gather_operand;
  const auto& params = call.params<KvGatherParams>();
  const KvLayout layout{params.format, params.c, params.r};
  const PagedPosition paged{kPageTable, params.page_size, call.dim(kCache, 0)};
  std::int64_t row = 0;
  for (std::int64_t seq = 0; seq < call.dim(kKvLen, 0); ++seq) {
    const std::int64_t length = call.get_int(kKvLen, {seq});
    for (std::int64_t position = 0; position < length && row < params.total; ++position, ++row) {
      const std::int64_t slot = paged_slot(call, paged, seq, position);
      if (slot < 0) continue;
      const std::vector<double> values = read_kv_row(call, kCache, layout, slot);
      for (std::int64_t i = 0; i < layout.c; ++i)
        call.set(kLatent, {row, i}, values[static_cast<std::size_t>(i)]);
      for (std::int64_t i = 0; i < layout.r; ++i) {
        call.set(kKRope, {row, i}, values[static_cast<std::size_t>(layout.c + i)]);
      }
    }
  }
  return {};
}

}  // namespace tamis
