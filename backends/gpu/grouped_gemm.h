// moe_grouped_gemm on the queue, as its own rows and those of moe_experts launch it.
#pragma once

#include "backends/gpu/products.h"
#include "kernels_gpu/moe_grouped_gemm/launch.h"

namespace tamis::gpu {

// Rows an expert, on average, up to which the decode kernels are faster: they read a weight once per 4 rows,
// a tile takes as long for one row as for 64.
inline constexpr std::int64_t kGroupedDecodeAverage = 4;

// Everything but x, which may be codes, and y.
inline GroupedGemm grouped_gemm(const Tensor& weight, const std::int32_t* offsets, std::int64_t rows) {
  GroupedGemm args;
  args.offsets = offsets;
  args.rows = rows;
  args.experts = weight.desc.dim(0);
  args.n = weight.desc.dim(1);
  args.k = weight.desc.dim(2);
  args.packed = !weight.weight->stored();
  return args;
}

using GroupedKernel = Error (*)(const GroupedGemm&, Stream);
inline Status submit_grouped_gemm(GpuQueue& queue, const char* op, const Weight& weight, GroupedKernel kernel,
                                  GroupedGemm args) {
  for (const WeightParts& parts : weight_launches(weight)) {
    args.w = parts;
    TAMIS_RETURN_IF_ERROR(queue.submit(op, kernel, args));
  }
  return {};
}

// Of a stored weight or one in the layout row_scales.
inline Reason accept_experts(const Tensor& weight) {
  const std::int64_t experts = weight.desc.dim(0);
  return experts <= kMaxGridY ? accept() : reason::size("E", experts, "up to 65535");
}

}  // namespace tamis::gpu
