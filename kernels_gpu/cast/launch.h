// Kernels of cast (contract: core/ops/cast/cast.h).
#pragma once

#include "kernels_gpu/common/planes.h"

namespace tamis::gpu {

struct Cast {
  Planes x, y;
  std::int64_t rows = 0;
  std::int64_t width = 0;
};
Error launch_cast(const Cast& args, Stream stream);

}  // namespace tamis::gpu
