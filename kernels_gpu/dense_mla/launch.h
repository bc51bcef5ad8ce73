// Kernels of dense_mla (contract: core/ops/dense_mla/dense_mla.h).
#pragma once

#include "kernels_gpu/common/latent_attention.h"

namespace tamis::gpu {

Error launch_dense_mla(const LatentAttention& args, Stream stream);

}  // namespace tamis::gpu
