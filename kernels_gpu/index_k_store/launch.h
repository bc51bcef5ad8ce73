// Kernels of index_k_store (contract: core/ops/index_k_store/index_k_store.h).
#pragma once

#include "kernels_gpu/common/launch.h"

namespace tamis::gpu {

struct IndexKStore {
  Rows k;
  const float* scale = nullptr;  // of a paged cache
  std::int64_t scale_stride = 0;
  Ints slot;
  IndexCache cache;
  std::int64_t tokens = 0;
};
Error launch_index_k_store(const IndexKStore& args, Stream stream);

}  // namespace tamis::gpu
