// CPU row of index_to_slot: one look-up per index. Bound by memory; the page table of a step stays in the
// cache.
#include "core/ops/index_to_slot/index_to_slot.h"

#include "backends/cpu/kernels/indexer/page_slot.h"
#include "backends/cpu/queue.h"
#include "backends/cpu/threads.h"

namespace tamis::cpu {
namespace {

using namespace index_to_slot_operand;

constexpr std::int64_t kGrainIndices = 1 << 14;  // some 50 us: less is not worth waking a thread for

Reason accepts(const DeviceInfo&, const OpCall&) { return accept(); }

std::int64_t ragged_slot(std::int64_t start, std::int64_t position) {
  const std::int64_t slot = start + position;
  return start >= 0 && slot <= indexer::kMaxSlot ? slot : -1;
}

Status compute(const OpCall& call, const Scratch&) {
  const Tensor &idx = call[kIdx], &slots = call[kSlots], &page_table = call[kPageTable],
               &row_start = call[kRowStart];
  const std::int64_t page_size = call.as<IndexToSlotParams>().page_size;
  const std::int64_t tokens = idx.desc.dim(0), k = idx.desc.dim(1);
  parallel_for(tokens, 1 + kGrainIndices / std::max<std::int64_t>(1, k),
               [&](std::int64_t begin, std::int64_t end, int) {
                 for (std::int64_t t = begin; t < end; ++t) {
                   const auto* in = reinterpret_cast<const std::int32_t*>(row_address(idx, t));
                   auto* out = reinterpret_cast<std::int32_t*>(row_address(slots, t));
                   const std::int64_t sequence = indexer::sequence_of(call[kSeqOfToken], t);
                   const std::int64_t start = row_start.present() ? indexer::read_i32(row_start, t) : 0;
                   for (std::int64_t i = 0; i < k; ++i) {
                     std::int64_t slot = -1;
                     if (in[i] >= 0) {
                       slot = page_table.present()
                                  ? indexer::page_slot(page_table, sequence, in[i], page_size)
                                  : ragged_slot(start, in[i]);
                     }
                     out[i] = static_cast<std::int32_t>(slot);
                   }
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
