// Launches of kv_store; contract in core/ops/kv_store/kv_store.h.
#pragma once

#include <cuda_runtime_api.h>

#include "kernels_cuda/common/matrix.h"

namespace tamis::cuda {

struct KvStoreArgs {
  ConstMatrix latent;  // [tokens, c]
  ConstMatrix k_rope;  // [tokens, r]
  const std::int32_t* slot;
  void* cache;
  std::int64_t row_stride;  // of the cache: elements (plain), bytes (packed)
  std::int64_t slots;
  std::int64_t tokens;
  int c;
  int r;
};

// Cache rows [c + r] in `type`.
cudaError_t kv_store_plain(const KvStoreArgs& args, Element type, cudaStream_t stream);
// Cache rows c e4m3 | ceil(c / 128) f32 | r bf16, possibly unaligned when c is no multiple of 4.
cudaError_t kv_store_packed(const KvStoreArgs& args, cudaStream_t stream);

}  // namespace tamis::cuda
