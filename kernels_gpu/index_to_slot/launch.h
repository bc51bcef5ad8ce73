// Kernels of index_to_slot (contract: core/ops/index_to_slot/index_to_slot.h).
#pragma once

#include "kernels_gpu/common/launch.h"

namespace tamis::gpu {

struct IndexToSlot {
  Ints idx, slots;  // stride: elements from row to row
  Ints sequence;    // paged; null: 0
  PageTable table;
  Ints row_start;  // ragged; null: 0
  std::int64_t tokens = 0;
  std::int64_t k = 0;
  bool paged = false;
};
Error launch_index_to_slot(const IndexToSlot& args, Stream stream);

}  // namespace tamis::gpu
