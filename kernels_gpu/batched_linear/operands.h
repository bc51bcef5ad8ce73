// The product of one head.
#pragma once

#include "kernels_gpu/batched_linear/launch.h"
#include "kernels_gpu/common/product_operands.h"

namespace tamis::gpu {

// x and y of a head, from output column `column` on.
__device__ inline Product head_product(const BatchedLinear& args, std::int64_t head, std::int64_t column) {
  Product product;
  product.x = args.x;
  product.x.rows = rows_at(args.x.rows, 0, head * args.x_head_stride);
  if (args.x.scales != nullptr) product.x.scales = args.x.scales + head * args.scale_head_stride;
  product.y = rows_at(args.y, 0, head * args.y_head_stride + column);
  product.tokens = args.tokens;
  product.k = args.k;
  return product;
}

}  // namespace tamis::gpu
