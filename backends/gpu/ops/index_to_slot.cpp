// Portable row of index_to_slot on CUDA and HIP.
#include "core/ops/index_to_slot/index_to_slot.h"

#include "backends/gpu/operands.h"
#include "kernels_gpu/index_to_slot/launch.h"

namespace tamis::gpu {
namespace {

using namespace index_to_slot_operand;

IndexToSlot arguments(const OpCall& call) {
  return {.idx = ints_of(call[kIdx]),
          .slots = ints_of(call[kSlots]),
          .sequence = ints_of(call[kSeqOfToken]),
          .table = page_table_of(call[kPageTable], call.as<IndexToSlotParams>().page_size),
          .row_start = ints_of(call[kRowStart]),
          .tokens = call[kIdx].desc.dim(0),
          .k = call[kIdx].desc.dim(1),
          .paged = call[kPageTable].present()};
}

constexpr KernelRow kRows[] = {
    {.name = TAMIS_GPU_ROOM ".index_to_slot.portable",
     .op = "index_to_slot",
     .families = "portable",
     .numerics = {.invariance = Invariance::kBatch},
     .accepts = accept_any,
     .launch = launch<&arguments, &launch_index_to_slot>},
};

}  // namespace

std::span<const KernelRow> rows_index_to_slot() { return kRows; }

}  // namespace tamis::gpu
