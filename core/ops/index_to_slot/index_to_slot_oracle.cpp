#include "core/ops/index_to_slot/index_to_slot.h"
#include "core/ops/oracle/oracle.h"

namespace tamis {

Status oracle::index_to_slot(OracleCall& call) {
  using namespace index_to_slot_operand;
  const std::int64_t page_size = call.params<IndexToSlotParams>().page_size;
  for (std::int64_t t = 0; t < call.dim(kIdx, 0); ++t) {
    for (std::int64_t i = 0; i < call.dim(kIdx, 1); ++i) {
      const std::int64_t position = call.get_int(kIdx, {t, i});
      std::int64_t slot = -1;
      if (position >= 0 && call.has(kPageTable)) {
        const std::int64_t seq = call.has(kSeqOfToken) ? call.get_int(kSeqOfToken, {t}) : 0;
        const std::int64_t page_index = position / page_size;
        if (seq >= 0 && seq < call.dim(kPageTable, 0) && page_index < call.dim(kPageTable, 1)) {
          const std::int64_t page = call.get_int(kPageTable, {seq, page_index});
          if (page >= 0) slot = page * page_size + position % page_size;
        }
      } else if (position >= 0) {
        const std::int64_t start = call.has(kRowStart) ? call.get_int(kRowStart, {t}) : 0;
        if (start >= 0) slot = start + position;
      }
      call.set(kSlots, {t, i}, slot > 0x7fffffff ? -1.0 : static_cast<double>(slot));
    }
  }
  return {};
}

}  // namespace tamis
