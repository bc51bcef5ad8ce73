// Launches of dense_mla's tensor-core rows: the list of slots that the kernels of sparse_mla gather.
#pragma once

#include <cuda_runtime_api.h>

#include "kernels_gpu/common/launch.h"

namespace tamis::cuda {

struct DenseMlaSlotsArgs {
  gpu::PageTable table;
  gpu::Ints sequence, ke;  // [tokens]
  std::int32_t* slots;     // [tokens, keys]: entries at or past a token's length are not written
  std::int32_t* length;    // [tokens]
  std::int64_t tokens;
  int keys;  // table.width * table.page_size
};

cudaError_t dense_mla_slots(const DenseMlaSlotsArgs& args, cudaStream_t stream);

}  // namespace tamis::cuda
