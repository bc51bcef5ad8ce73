// Kernels of sparse_mla (contract: core/ops/sparse_mla/sparse_mla.h).
#pragma once

#include "kernels_gpu/common/latent_attention.h"

namespace tamis::gpu {

Error launch_sparse_mla(const LatentAttention& args, Stream stream);

}  // namespace tamis::gpu
