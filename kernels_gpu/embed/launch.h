// Kernels of embed (contract: core/ops/embed/embed.h).
#pragma once

#include "kernels_gpu/common/product.h"

namespace tamis::gpu {

// The rows of y whose ids lie in `table`; with `zeros` those of ids outside the vocabulary, too.
struct Embed {
  Ints ids;
  WeightRows table;
  std::int64_t first = 0;  // id of the table's first row
  std::int64_t vocabulary = 0;
  Rows y;
  std::int64_t tokens = 0;
  std::int64_t width = 0;
  bool zeros = false;
};
Error launch_embed(const Embed& args, Stream stream);

}  // namespace tamis::gpu
