// What the rows on matrix instructions of linear, moe_grouped_gemm and moe_experts share.
#pragma once

#include <cstring>

#include "backends/gpu/grouped_gemm.h"
#include "backends/hip/matrix_devices.h"
#include "kernels_hip/moe_grouped_gemm/launch.h"

namespace tamis::hip {

// Of x [rows, K] and a weight [N, K] or [E, N, K] that the row wants in the layout row_scales.
inline Reason accepts_matrix_product(const Tensor& x, const Tensor& weight, ActQuant mode) {
  if (mode == ActQuant::kNone && x.desc.dtype != DType::kBF16) {
    return reason::dtype("x", dtype_name(x.desc.dtype), "bf16, or any with act_quant");
  }
  const std::int64_t k = weight.desc.dim(-1), n = weight.desc.dim(-2);
  if (k % gpu::kQuantGroup != 0) return reason::size("K", k, "multiples of 128");
  if (n * k > kMatrixWeightBytes) return reason::size("N K", n * k, "less than 2^32");
  return accept_row_scales(weight);
}

// Beyond that, of rows that multiply e4m3 by e4m3.
inline Reason accepts_codes(const DeviceInfo& device, const Tensor& weight, ActQuant mode) {
  if (mode == ActQuant::kNone) return reject("x is not rounded to e4m3: no act_quant");
  const bool packed = weight.weight != nullptr && !weight.weight->stored();
  if (packed && multiplies_e4m3fnuz(device) &&
      std::strcmp(weight.weight->layout, kRowScalesFnuzLayout) != 0) {
    return reason::weight_layout(weight.weight->layout);
  }
  return accept();
}

// The same kernel on each generation.
struct MatrixProductRow {
  const char* name;
  const char* families;
  Features needs;
  decltype(KernelRow::launch) launch;
};

constexpr KernelRow matrix_product_row(const char* op, const MatrixProductRow& own, KernelRow shared) {
  shared.name = own.name;
  shared.op = op;
  shared.families = own.families;
  shared.needs = own.needs;
  shared.numerics.invariance = Invariance::kBatch;
  shared.weight_layout = row_scales_layout;
  shared.pack = pack_row_scales;
  shared.launch = own.launch;
  return shared;
}

}  // namespace tamis::hip
