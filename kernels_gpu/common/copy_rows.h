// Copies of rows, bit for bit: gather_rows, concat and moe_permute are this kernel.
#pragma once

#include "kernels_gpu/common/planes.h"

namespace tamis::gpu {

// Where rows come from. Strides and widths are in units of CopyRows::unit bytes; `element` is unused.
struct CopySource {
  Planes rows;
  std::int64_t width = 0;
};

// Row r of `to` = row index[r] (r without an index) of `first`, then that of `second`; zeros where the index
// lies outside [0, source_rows).
struct CopyRows {
  CopySource first, second;
  Planes to;
  Ints index;
  std::int64_t source_rows = 0;
  std::int64_t rows = 0;
  int unit = 1;  // 1, 2, 4 or 16: divides every address, stride and width
};
Error launch_copy_rows(const CopyRows& args, Stream stream);

}  // namespace tamis::gpu
