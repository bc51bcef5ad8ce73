// Kernels of mla_rope_store (contract: core/ops/mla_rope_store/mla_rope_store.h).
#pragma once

#include "kernels_gpu/common/rope.h"

namespace tamis::gpu {

struct MlaRopeStore {
  Rope q;  // its positions and frequencies are the key's, too
  Rows kv;
  const float* norm_weight = nullptr;
  Ints slot;
  KvCache cache;
  float eps = 0;
};
Error launch_mla_rope_store(const MlaRopeStore& args, Stream stream);

}  // namespace tamis::gpu
