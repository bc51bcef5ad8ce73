// Launches of topk_select; contract in core/ops/topk_select/topk_select.h.
#pragma once

#include <cuda_runtime_api.h>

#include <cstdint>

namespace tamis::cuda {

struct TopkSelectArgs {
  const float* scores;  // [rows, width]
  std::int64_t row_stride;
  const std::int32_t* ks;  // [rows]; null: 0
  const std::int32_t* ke;  // [rows]
  std::int32_t* idx;       // [rows, k]
  std::int64_t idx_stride;
  std::int32_t* count;  // [rows]
  std::int64_t rows;
  std::int64_t width;
  int k;
};

// Where the cache holds the chosen keys; contract in core/ops/index_to_slot/index_to_slot.h.
struct SlotMap {
  const std::int32_t* seq_of_token;  // null: 0
  const std::int32_t* page_table;
  std::int64_t page_table_stride;
  std::int64_t sequences;
  std::int64_t pages_per_sequence;
  std::int64_t page_size;
  std::int32_t* slots;  // null: not wanted
  std::int64_t slots_stride;
};

inline constexpr int kMaxSampledK = 4096;

// How a call is cut: several blocks a row when rows are few.
struct TopkSplit {
  int splits;
  std::int64_t workspace_bytes;
};
TopkSplit topk_split(std::int64_t rows, std::int64_t width, int k, int multiprocessors);

// indexer_topk selects from its blocks of scores with this, too, and has it write the slots of what it
// chooses. `map` is of the same rows as `args`, `split` of at least as many.
cudaError_t topk_select_sampled(const TopkSelectArgs& args, const SlotMap& map, const TopkSplit& split,
                                void* workspace, cudaStream_t stream);

}  // namespace tamis::cuda
