// Kernels of kv_store (contract: core/ops/kv_store/kv_store.h).
#pragma once

#include "kernels_gpu/common/launch.h"

namespace tamis::gpu {

struct KvStore {
  Rows latent, rope;
  Ints slot;
  Rows cache;  // packed: bytes, `element` unused
  std::int64_t slots = 0;
  std::int64_t tokens = 0;
  std::int64_t c = 0;
  std::int64_t r = 0;
  bool packed_fp8 = false;
};
Error launch_kv_store(const KvStore& args, Stream stream);

}  // namespace tamis::gpu
