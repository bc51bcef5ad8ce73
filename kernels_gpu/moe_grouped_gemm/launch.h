// Kernels of moe_grouped_gemm (contract: core/ops/moe_grouped_gemm/moe_grouped_gemm.h).
#pragma once

#include "kernels_gpu/common/product.h"

namespace tamis::gpu {

// y[r] = x[r] . w[e] for the rows r of expert e; x may have an index.
struct GroupedGemm {
  Activations x;
  Rows y;
  WeightParts w;
  const std::int32_t* offsets = nullptr;  // [experts + 1], not trusted
  std::int64_t rows = 0;                  // of y
  std::int64_t experts = 0;
  std::int64_t k = 0;
  std::int64_t n = 0;
  bool packed = false;  // w is in the layout row_scales
};
static_assert(sizeof(GroupedGemm) <= kMaxArgumentBytes);

// Any number of rows an expert.
Error launch_grouped_gemm_tiled(const GroupedGemm& args, Stream stream);

// For few rows an expert: reads its weight once per kGroupedDecodeRows of them.
inline constexpr std::int64_t kGroupedDecodeRows = 4;
Error launch_grouped_gemm_decode(const GroupedGemm& args, Stream stream);

// Zeros in the rows of y behind the last expert's.
Error launch_grouped_gemm_tail(const GroupedGemm& args, Stream stream);

}  // namespace tamis::gpu
