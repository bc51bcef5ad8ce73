// shaders/index_to_slot/portable.comp, as the rows of index_to_slot and indexer_topk dispatch it.
#pragma once

#include "backends/vulkan/caches.h"

namespace tamis::vulkan {

struct IndexToSlot {
  std::uint64_t idx = 0, slots = 0, sequence = 0, row_start = 0;
  std::uint64_t idx_stride = 0, slots_stride = 0;  // bytes
  PageTableArguments table;
  std::uint32_t tokens = 0, k = 0;
};

// Without sequences, page table and row starts.
inline IndexToSlot index_to_slot(const Tensor& idx, const Tensor& slots) {
  IndexToSlot args;
  args.idx = address(idx);
  args.slots = address(slots);
  args.idx_stride = row_stride(idx);
  args.slots_stride = row_stride(slots);
  args.tokens = dim(idx, 0);
  args.k = dim(idx, 1);
  return args;
}

inline Status dispatch_index_to_slot(VulkanQueue& recorder, const IndexToSlot& args) {
  constexpr std::int64_t kThreads = 256;
  const std::int64_t parts = (args.k + kThreads - 1) / kThreads;
  return recorder.dispatch({"index_to_slot/portable", {}}, args, args.tokens * parts);
}

}  // namespace tamis::vulkan
