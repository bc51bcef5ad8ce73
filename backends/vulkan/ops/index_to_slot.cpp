// Vulkan row of index_to_slot: shaders/index_to_slot/portable.comp, a thread per index.
#include "core/ops/index_to_slot/index_to_slot.h"

#include "backends/vulkan/caches.h"

namespace tamis::vulkan {
namespace {

using namespace index_to_slot_operand;

constexpr std::int64_t kThreads = 256;

struct Arguments {
  std::uint64_t idx, slots, sequence, row_start, idx_stride, slots_stride;
  PageTableArguments table;
  std::uint32_t tokens, k;
};

Status launch(Queue& queue, const OpCall& call, const Scratch& scratch) {
  VulkanQueue& recorder = as_vulkan(queue);
  TAMIS_RETURN_IF_ERROR(recorder.begin_launch(call, scratch));
  const Tensor &idx = call[kIdx], &slots = call[kSlots];
  const Arguments arguments{address(idx),
                            address(slots),
                            address(call[kSeqOfToken]),
                            address(call[kRowStart]),
                            row_stride(idx),
                            row_stride(slots),
                            page_table_of(call[kPageTable], call.as<IndexToSlotParams>().page_size),
                            dim(idx, 0),
                            dim(idx, 1)};
  const std::int64_t parts = (idx.desc.dim(1) + kThreads - 1) / kThreads;
  return recorder.dispatch({"index_to_slot/portable", {}}, arguments, idx.desc.dim(0) * parts);
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
