// What the rows that use a product say of it: needs, accepts and prefers, the size of a block of outputs.
#pragma once

#include <algorithm>

#include "backends/cpu/kernels/product/product.h"
#include "backends/cpu/threads.h"
#include "core/backend/kernel_table.h"

namespace tamis::cpu {

inline constexpr std::uint64_t kBf16ProductNeeds = kAvx512 | kAvx512Vbmi | kAvx512Bf16;
inline constexpr std::uint64_t kAmxProductNeeds = kBf16ProductNeeds | kAmxBf16;

// Activations and weights that bf16 holds exactly.
inline Reason accept_bf16_product(const Tensor& x, const Tensor& weight, ActQuant act_quant) {
  if (weight.desc.dtype != DType::kE4M3 && weight.desc.dtype != DType::kBF16) {
    return reason::dtype("weight", dtype_name(weight.desc.dtype), "e4m3, bf16");
  }
  if (x.desc.dtype != DType::kBF16 && act_quant == ActQuant::kNone) {
    return reason::dtype("x, not quantised,", dtype_name(x.desc.dtype), "bf16");
  }
  return accept();
}

// Few tokens are bound by memory on every CPU.
inline Reason prefer_bf16_product(const DeviceInfo& device, std::int64_t tokens) {
  if (device.has(kFastBf16Dot) || tokens < 4) return accept();
  return reason::slower("vdpbf16ps begins every other cycle on this CPU");
}

// Outputs a block, a multiple of the 32 that AMX takes at a time: fewer than the most where they would not
// give every thread four blocks.
inline std::int64_t product_outputs(std::int64_t n) {
  const std::int64_t even = n / (4 * thread_count()) / 32 * 32;
  return std::clamp<std::int64_t>(even, 32, kProductOutputs);
}

}  // namespace tamis::cpu
