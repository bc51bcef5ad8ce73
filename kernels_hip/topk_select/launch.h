// Kernels of topk_select for AMD's GPUs (contract: core/ops/topk_select/topk_select.h).
#pragma once

#include "kernels_gpu/topk_select/launch.h"

namespace tamis::hip {

inline constexpr std::int64_t kMaxSampledRows = 1 << 22;  // a block each: HIP counts 2^32 threads along x

// k up to kMaxSampledK.
gpu::Error launch_topk_select_sampled(const gpu::TopkSelect& args, gpu::Stream stream);

}  // namespace tamis::hip
