// CUDA row of index_to_slot.
#include "core/ops/index_to_slot/index_to_slot.h"

#include "backends/cuda/tensor_args.h"
#include "kernels_cuda/index_to_slot/launch.h"

namespace tamis::cuda {
namespace {

using namespace index_to_slot_operand;

Reason accepts(const DeviceInfo&, const OpCall& call) {
  const std::int64_t indices = call[kIdx].desc.elements();
  return indices <= 0x7fffffff ? accept() : reason::size("T x k", indices, "up to 2^31 - 1");
}

Status launch(Queue& queue, const OpCall& call, const Scratch&) {
  auto& cuda_queue = static_cast<CudaQueue&>(queue);
  const bool paged = call[kPageTable].present();
  const IndexToSlotArgs args{.idx = pointer<const std::int32_t>(call[kIdx]),
                             .idx_stride = call[kIdx].desc.stride(0),
                             .seq_of_token = optional_pointer<const std::int32_t>(call[kSeqOfToken]),
                             .page_table = optional_pointer<const std::int32_t>(call[kPageTable]),
                             .page_table_stride = paged ? call[kPageTable].desc.stride(0) : 0,
                             .sequences = paged ? call[kPageTable].desc.dim(0) : 0,
                             .pages_per_sequence = paged ? call[kPageTable].desc.dim(1) : 0,
                             .page_size = call.as<IndexToSlotParams>().page_size,
                             .row_start = optional_pointer<const std::int32_t>(call[kRowStart]),
                             .slots = pointer<std::int32_t>(call[kSlots]),
                             .slots_stride = call[kSlots].desc.stride(0),
                             .tokens = call[kIdx].desc.dim(0),
                             .k = call[kIdx].desc.dim(1)};
  return cuda_queue.launched(index_to_slot_portable(args, cuda_queue.stream()));
}

constexpr KernelRow kRows[] = {{.name = "cuda.index_to_slot.portable",
                                .op = "index_to_slot",
                                .families = "portable",
                                .needs = {.arch_min = 80},
                                .numerics = {.invariance = Invariance::kBatch},
                                .accepts = accepts,
                                .launch = launch}};

}  // namespace

std::span<const KernelRow> rows_index_to_slot() { return kRows; }

}  // namespace tamis::cuda
