// CPU row of index_to_slot: one look-up per index. Bound by memory; the page table of a step stays in the
// cache.
#include "core/ops/index_to_slot/index_to_slot.h"

#include <algorithm>

#include "backends/cpu/kernels/indexer/page_slot.h"
#include "backends/cpu/queue.h"
#include "backends/cpu/threads.h"

namespace tamis::cpu {
namespace {

using namespace index_to_slot_operand;

constexpr std::int64_t kGrainIndices = 1 << 14;  // some 50 us: less is not worth waking a thread for

Reason accepts(const DeviceInfo&, const OpCall&) { return accept(); }

using SlotRow = void (*)(const OpCall& call, std::int64_t token, const std::int32_t* idx,
                         std::int32_t* slots);

void paged_row(const OpCall& call, std::int64_t token, const std::int32_t* idx, std::int32_t* slots) {
  const std::int64_t sequence = indexer::sequence_of(call[kSeqOfToken], token), k = call[kIdx].desc.dim(1);
  indexer::PageWalker pages(call[kPageTable], sequence, call.as<IndexToSlotParams>().page_size);
  for (std::int64_t i = 0; i < k; ++i)
    slots[i] = idx[i] < 0 ? -1 : static_cast<std::int32_t>(pages.slot(idx[i]));
}

void ragged_row(const OpCall& call, std::int64_t token, const std::int32_t* idx, std::int32_t* slots) {
  const Tensor& row_start = call[kRowStart];
  const std::int64_t start = row_start.present() ? indexer::read_i32(row_start, token) : 0,
                     k = call[kIdx].desc.dim(1);
  for (std::int64_t i = 0; i < k; ++i) {
    const std::int64_t slot = start + idx[i];
    slots[i] = idx[i] < 0 || start < 0 || slot > indexer::kMaxSlot ? -1 : static_cast<std::int32_t>(slot);
  }
}

Status compute(const OpCall& call, const Scratch&) {
  const Tensor &idx = call[kIdx], &slots = call[kSlots];
  const SlotRow row = call[kPageTable].present() ? paged_row : ragged_row;
  const std::int64_t grain = 1 + kGrainIndices / std::max<std::int64_t>(1, idx.desc.dim(1));
  parallel_for(idx.desc.dim(0), grain, [&](std::int64_t begin, std::int64_t end, int) {
    for (std::int64_t t = begin; t < end; ++t) {
      row(call, t, reinterpret_cast<const std::int32_t*>(row_address(idx, t)),
          reinterpret_cast<std::int32_t*>(row_address(slots, t)));
    }
  });
  return {};
}

constexpr KernelRow kRows[] = {
    {.name = "cpu.index_to_slot.portable",
     .op = "index_to_slot",
     .families = "portable",
     .numerics = {.invariance = Invariance::kBatch},
     .accepts = accepts,
     .launch = launch<&compute>},
};

}  // namespace

std::span<const KernelRow> rows_index_to_slot() { return kRows; }

}  // namespace tamis::cpu
