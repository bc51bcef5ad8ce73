#include "backends/cpu/kernels/common/kv_rows.h"

#include <algorithm>

namespace tamis::cpu {
namespace {

constexpr std::int64_t kGroup = 128;  // latent values that share a scale

constexpr std::int64_t group_count(std::int64_t c) { return (c + kGroup - 1) / kGroup; }

void load_packed(const std::byte* row, const KvLayout& layout, float* dst) {
  const float* table = e4m3_values();
  const auto* codes = reinterpret_cast<const std::uint8_t*>(row);
  for (std::int64_t g = 0; g < group_count(layout.c); ++g) {
    float scale;
    std::memcpy(&scale, row + layout.c + g * 4, 4);
    const std::int64_t end = std::min(layout.c, (g + 1) * kGroup);
    for (std::int64_t i = g * kGroup; i < end; ++i) dst[i] = table[codes[i]] * scale;
  }
  // C may be odd, so the bf16 values need not be aligned.
  const std::byte* rope = row + layout.c + group_count(layout.c) * 4;
  for (std::int64_t i = 0; i < layout.r; ++i) {
    std::uint16_t code;
    std::memcpy(&code, rope + i * 2, 2);
    dst[layout.c + i] = numeric::bf16_to_float(code);
  }
}

void store_packed(const RowOps& ops, std::byte* row, const KvLayout& layout, float* src) {
  for (std::int64_t g = 0; g < group_count(layout.c); ++g) {
    const std::int64_t begin = g * kGroup, count = std::min(layout.c - begin, kGroup);
    const float scale = numeric::latent_scale(ops.largest(src + begin, count));
    std::memcpy(row + layout.c + g * 4, &scale, 4);
    ops.divide(scale, count, src + begin);
    ops.store(DType::kE4M3, src + begin, count, row + begin);
  }
  std::byte* rope = row + layout.c + group_count(layout.c) * 4;
  for (std::int64_t i = 0; i < layout.r; ++i) {
    const std::uint16_t code = numeric::float_to_bf16(src[layout.c + i]);
    std::memcpy(rope + i * 2, &code, 2);
  }
}

}  // namespace

void load_kv_row(const Tensor& cache, const KvLayout& layout, std::int64_t slot, float* dst) {
  const std::byte* row = row_address(cache, slot);
  if (layout.format == KvFormat::kPackedFp8) return load_packed(row, layout, dst);
  load_floats(cache.desc.dtype, row, layout.c + layout.r, dst);
}

void store_kv_row(const RowOps& ops, const Tensor& cache, const KvLayout& layout, std::int64_t slot,
                  float* row) {
  std::byte* dst = row_address(cache, slot);
  if (layout.format == KvFormat::kPackedFp8) return store_packed(ops, dst, layout, row);
  ops.store(cache.desc.dtype, row, layout.c + layout.r, dst);
}

}  // namespace tamis::cpu
