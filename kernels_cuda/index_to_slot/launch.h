// Launches of index_to_slot; contract in core/ops/index_to_slot/index_to_slot.h.
#pragma once

#include <cuda_runtime_api.h>

#include <cstdint>

namespace tamis::cuda {

struct IndexToSlotArgs {
  const std::int32_t* idx;  // [tokens, k]
  std::int64_t idx_stride;
  const std::int32_t* seq_of_token;  // null: 0
  const std::int32_t* page_table;    // null: ragged
  std::int64_t page_table_stride;
  std::int64_t sequences;
  std::int64_t pages_per_sequence;
  std::int64_t page_size;
  const std::int32_t* row_start;  // ragged; null: 0
  std::int32_t* slots;            // [tokens, k]
  std::int64_t slots_stride;
  std::int64_t tokens;
  std::int64_t k;
};

cudaError_t index_to_slot_portable(const IndexToSlotArgs& args, cudaStream_t stream);

}  // namespace tamis::cuda
