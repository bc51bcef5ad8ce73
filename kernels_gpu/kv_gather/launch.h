// Kernels of kv_gather (contract: core/ops/kv_gather/kv_gather.h).
#pragma once

#include "kernels_gpu/common/launch.h"

namespace tamis::gpu {

struct KvGather {
  KvCache cache;
  PageTable table;
  Ints lengths;  // [table.sequences]
  Rows latent, rope;
  std::int64_t total = 0;
};
Error launch_kv_gather(const KvGather& args, Stream stream);

}  // namespace tamis::gpu
