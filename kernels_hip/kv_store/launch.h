// Kernels of kv_store (contract: core/ops/kv_store/kv_store.h).
#pragma once

#include "kernels_hip/common/launch.h"

namespace tamis::hip_kernels {

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
hipError_t launch_kv_store(const KvStore& args, hipStream_t stream);

}  // namespace tamis::hip_kernels
