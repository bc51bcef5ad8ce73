// What the rows that use a product say of it: needs, accepts and prefers, the size of a block of outputs.
#pragma once

#include <algorithm>
#include <array>

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

inline Reason prefer_fast_bf16_dot(const DeviceInfo& device) {
  return device.has(kFastBf16Dot) ? accept()
                                  : reason::slower("vdpbf16ps begins every other cycle on this CPU");
}

// Few tokens are bound by memory on every CPU.
inline Reason prefer_bf16_product(const DeviceInfo& device, std::int64_t tokens) {
  return tokens < 4 ? accept() : prefer_fast_bf16_dot(device);
}

// An op's functions by product.
struct ProductLaunch {
  decltype(KernelRow::workspace) workspace;
  decltype(KernelRow::launch) launch;
};

// What the rows of an op that multiplies by products are made of.
struct ProductRows {
  const char* op;
  const char* names[6];  // in the order of product_rows()
  decltype(KernelRow::accepts) accepts, accepts_bf16;
  decltype(KernelRow::prefers) prefers_bf16_dot, prefers_blas;
  ProductLaunch amx, avx512_bf16, avx512, avx2, openblas, portable;
};

// Fastest first. Whether a row runs its code for few tokens depends on the batch; only the portable one has
// none.
constexpr auto product_rows(const ProductRows& p) {
  const auto row = [&](int i, const char* family, std::uint64_t needs, const ProductLaunch& functions) {
    KernelRow row{.name = p.names[i], .op = p.op, .families = family, .needs = {.all_of = needs}};
    row.accepts = p.accepts;
    row.workspace = functions.workspace;
    row.launch = functions.launch;
    return row;
  };
  KernelRow openblas = row(4, "openblas", kOpenBlas, p.openblas);
  openblas.prefers = p.prefers_blas;
  KernelRow portable = row(5, "portable", 0, p.portable);
  portable.numerics.invariance = Invariance::kBatch;
#if defined(__x86_64__)
  KernelRow amx = row(0, "amx", kAmxProductNeeds, p.amx);
  KernelRow bf16 = row(1, "avx512", kBf16ProductNeeds, p.avx512_bf16);
  amx.accepts = bf16.accepts = p.accepts_bf16;
  bf16.prefers = p.prefers_bf16_dot;
  return std::array{amx,      bf16,    row(2, "avx512", kAvx512, p.avx512), row(3, "avx2", kAvx2, p.avx2),
                    openblas, portable};
#else
  return std::array{openblas, portable};
#endif
}

// Outputs a block, a multiple of the 32 that AMX takes at a time: fewer than the most where they would not
// give every thread four blocks.
inline std::int64_t product_outputs(std::int64_t n) {
  const std::int64_t even = n / (4 * thread_count()) / 32 * 32;
  return std::clamp<std::int64_t>(even, 32, kProductOutputs);
}

}  // namespace tamis::cpu
