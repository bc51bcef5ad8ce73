// Kernels of rope (contract: core/ops/rope/rope.h).
#pragma once

#include "kernels_gpu/common/rope.h"

namespace tamis::gpu {

Error launch_rope(const Rope& args, Stream stream);

}  // namespace tamis::gpu
