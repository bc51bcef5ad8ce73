// Vulkan row of index_to_slot: shaders/index_to_slot/portable.comp, a thread per index.
#include "core/ops/index_to_slot/index_to_slot.h"

#include "backends/vulkan/slots.h"

namespace tamis::vulkan {
namespace {

using namespace index_to_slot_operand;

Status launch(Queue& queue, const OpCall& call, const Scratch& scratch) {
  VulkanQueue& recorder = as_vulkan(queue);
  TAMIS_RETURN_IF_ERROR(recorder.begin_launch(call, scratch));
  IndexToSlot args = index_to_slot(call[kIdx], call[kSlots]);
  args.sequence = address(call[kSeqOfToken]);
  args.row_start = address(call[kRowStart]);
  args.table = page_table_of(call[kPageTable], call.as<IndexToSlotParams>().page_size);
  return dispatch_index_to_slot(recorder, args);
}

constexpr KernelRow kRows[] = {{.name = "vulkan.index_to_slot.portable",
                                .op = "index_to_slot",
                                .families = "portable",
                                .needs = kNeeds,
                                .numerics = {.invariance = Invariance::kBatch},
                                .accepts = accept_any,
                                .launch = launch}};

}  // namespace

std::span<const KernelRow> rows_index_to_slot() { return kRows; }

}  // namespace tamis::vulkan
