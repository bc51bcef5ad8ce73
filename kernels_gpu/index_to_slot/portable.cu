// index_to_slot: a thread per index. 8 bytes moved an index, the page table of a step stays in the cache: at
// the few thousand indices of a decode step bound by the launch. Not measured on a card.
#include "kernels_gpu/common/caches.h"
#include "kernels_gpu/index_to_slot/launch.h"

namespace tamis::gpu {
namespace {

constexpr unsigned kThreads = 256;

__device__ std::int64_t slot_of(const IndexToSlot& args, std::int64_t t, std::int64_t position) {
  if (position < 0) return -1;
  if (args.paged) {
    const std::int64_t sequence =
        args.sequence.data != nullptr ? args.sequence.data[t * args.sequence.stride] : 0;
    return paged_slot(args.table, sequence, position);
  }
  const std::int64_t start =
      args.row_start.data != nullptr ? args.row_start.data[t * args.row_start.stride] : 0;
  return start < 0 || start + position > kMaxSlot ? -1 : start + position;
}

__global__ void __launch_bounds__(kThreads) index_to_slot_kernel(IndexToSlot args) {
  for (std::int64_t t = blockIdx.y; t < args.tokens; t += gridDim.y) {
    const std::int32_t* idx = args.idx.data + t * args.idx.stride;
    std::int32_t* slots = args.slots.data + t * args.slots.stride;
    for (std::int64_t i = static_cast<std::int64_t>(blockIdx.x) * blockDim.x + threadIdx.x; i < args.k;
         i += static_cast<std::int64_t>(gridDim.x) * blockDim.x) {
      slots[i] = static_cast<std::int32_t>(slot_of(args, t, idx[i]));
    }
  }
}

}  // namespace

Error launch_index_to_slot(const IndexToSlot& args, Stream stream) {
  if (args.tokens == 0 || args.k == 0) return kNoError;
  const dim3 grid(grid_of((args.k + kThreads - 1) / kThreads, 64), grid_of(args.tokens, kMaxGridY));
  TAMIS_LAUNCH(index_to_slot_kernel, grid, dim3(kThreads), 0, stream, args);
  return launch_error();
}

}  // namespace tamis::gpu
