// Rows of a tensor of any rank up to 4, and grids for kernels that work element by element.
#pragma once

#include "kernels_gpu/common/launch.h"

namespace tamis::gpu {

// Rows are counted over the leading dimensions, the innermost fastest. Dimensions that are not there have
// size 1 and stride 0.
struct Planes {
  void* data = nullptr;
  std::int64_t dim1 = 1, dim2 = 1;                     // sizes of the two innermost leading dimensions
  std::int64_t stride0 = 0, stride1 = 0, stride2 = 0;  // elements
  Element element = Element::kF32;
};

// A thread an element, so that one long row fills the device, too: block (x, y) has the columns of x in the
// rows y, y + gridDim.y, ...
struct Sheet {
  unsigned columns = 0, rows = 0;  // of the grid
  unsigned threads = 0;
};
inline Sheet sheet_of(std::int64_t rows, std::int64_t width) {
  const unsigned threads = width <= 64 ? 64 : 256;
  return {static_cast<unsigned>((width + threads - 1) / threads), grid_of(rows, kMaxGridY), threads};
}

}  // namespace tamis::gpu
