// Kernels of indexer_topk for AMD's GPUs (contract: core/ops/indexer_topk/indexer_topk.h).
#pragma once

#include "kernels_gpu/indexer_topk/launch.h"

namespace tamis::hip {

// k up to kMaxSampledK.
gpu::Error launch_keep_best_sampled(const gpu::KeepBest& args, gpu::Stream stream);

}  // namespace tamis::hip
