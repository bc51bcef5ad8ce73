// Which rows belong to which expert. Offsets are clamped to [0, rows] and made ascending: expert e begins at
// the largest of offsets 1 to e (0 for the first) and ends at the largest of 1 to e + 1. All but the first
// are read by all blocks, from the cache. Called by all threads.
#pragma once

#include "kernels_gpu/common/product_operands.h"
#include "kernels_gpu/common/wave.h"
#include "kernels_gpu/moe_grouped_gemm/launch.h"

namespace tamis::gpu {

struct ExpertRows {
  std::int64_t begin = 0, end = 0;
};

__device__ inline std::int64_t clamped_offset(const GroupedGemm& args, std::int64_t i) {
  const std::int64_t offset = args.offsets[i];
  return offset < 0 ? 0 : offset < args.rows ? offset : args.rows;
}

// The largest of offsets 1 to `last`; 0 for none.
__device__ inline std::int64_t largest_offset(const GroupedGemm& args, std::int64_t last) {
  int largest = 0;
  for (std::int64_t i = 1 + threadIdx.x; i <= last; i += blockDim.x) {
    const int offset = static_cast<int>(clamped_offset(args, i));
    largest = offset > largest ? offset : largest;
  }
  return block_reduce<Max>(largest);
}

__device__ inline ExpertRows rows_of_expert(const GroupedGemm& args, std::int64_t expert) {
  const std::int64_t given = clamped_offset(args, expert + 1);
  // Most experts of a decode step have no rows, and are left without a barrier.
  if (expert > 0 && given <= clamped_offset(args, expert)) return {};
  const std::int64_t begin = largest_offset(args, expert);
  return {begin, given > begin ? given : begin};
}

// The expert whose first row is `row`; -1 if there is none.
__device__ inline std::int64_t expert_that_begins(const GroupedGemm& args, std::int64_t row) {
  int found = 0x7fffffff;
  for (std::int64_t i = 1 + threadIdx.x; i <= args.experts; i += blockDim.x) {
    if (clamped_offset(args, i) > row) {
      found = static_cast<int>(i);
      break;
    }
  }
  const std::int64_t expert = static_cast<std::int64_t>(block_reduce<Min>(found)) - 1;
  if (expert >= args.experts) return -1;
  return largest_offset(args, expert) == row ? expert : -1;
}

// The product of an expert's rows with a part of its weight.
__device__ inline Product expert_product(const GroupedGemm& args, const WeightPart& part,
                                         const ExpertRows& rows) {
  Product product;
  product.x = args.x;
  if (args.x.index != nullptr) {
    product.x.index = args.x.index + rows.begin;
  } else {
    product.x.rows = rows_at(args.x.rows, rows.begin, 0);
    if (args.x.scales != nullptr) product.x.scales = args.x.scales + rows.begin * args.x.groups;
  }
  product.w = part.rows;
  product.y = rows_at(args.y, rows.begin, part.first);
  product.tokens = rows.end - rows.begin;
  product.k = args.k;
  return product;
}

}  // namespace tamis::gpu
