// What the bf16 products share: prepared rows of activations, and weight rows by their addresses.
#pragma once

#include <bit>

#include "backends/cpu/kernels/product/product.h"
#include "backends/cpu/kernels/product/runs.h"

namespace tamis::cpu::bf16 {

inline std::int64_t padded(std::int64_t k) { return (k + 63) / 64 * 64; }
inline std::int64_t groups(std::int64_t k) { return (k + kScaleGroup - 1) / kScaleGroup; }

// The codes, then the scale of each group. An odd number of cache lines: rows at even distances would meet in
// few sets of the cache.
inline std::int64_t row_bytes(std::int64_t k) { return (2 * padded(k) + 4 * groups(k) + 63) / 64 * 64 | 64; }

// Scales of the first prepared row; null: it has none.
inline const float* x_scales(const ProductInput& in) {
  return in.act_quant == ActQuant::kE4M3Group128F32 ? reinterpret_cast<const float*>(in.x + 2 * padded(in.k))
                                                    : nullptr;
}

// A power of two that leaves every code normal in bf16.
inline bool foldable(float scale) {
  return (std::bit_cast<std::uint32_t>(scale) & 0x807fffffu) == 0 && scale > 1e-30f && scale < 1e30f;
}

// Weight rows of a call by their addresses; rows behind the last are null.
struct RowList {
  const std::byte* rows[kProductOutputs] = {};
  const float* scales[kProductOutputs] = {};
  WeightFormat format = WeightFormat::kE4M3;
  std::int64_t count = 0;
  bool aligned = true;  // groups of scales begin at column 0
};

// The scales, one a group of columns, that e4m3 rows [first, first + count) share; null: they differ.
inline const float* shared_scales(const RowList& list, std::int64_t first, std::int64_t count) {
  for (std::int64_t row = first; row < first + count; ++row) {
    if (list.rows[row] != nullptr && list.scales[row] != list.scales[first]) return nullptr;
  }
  return list.scales[first];
}

inline RowList list_rows(const Weight& weight, std::int64_t first, std::int64_t count) {
  RowList list;
  for_each_run(weight, first, count, [&](const WeightRows& run, std::int64_t at) {
    list.format = run.format;
    list.aligned = list.aligned && run.group_offset == 0;
    for (std::int64_t r = 0; r < run.rows; ++r) {
      list.rows[at + r] = run.data + r * run.row_bytes;
      list.scales[at + r] = run.scales;
    }
    list.count = at + run.rows;
  });
  return list;
}

// bf16_product.cpp: a few rows of x, or weights that are cut inside scale blocks.
void prepare(ActQuant act_quant, float* row, std::int64_t k, std::byte* dst);
std::int64_t scratch_bytes(std::int64_t k);
void multiply_few(const ProductInput& in, std::int64_t first, std::int64_t count, float* c, std::int64_t ldc);
void multiply_cut(const ProductInput& in, std::int64_t first, std::int64_t count, float* c, std::int64_t ldc);

}  // namespace tamis::cpu::bf16
