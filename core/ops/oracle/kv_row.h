// One row of the latent cache for the oracles, written from the byte layout in core/ops/kv_store/kv_store.h.
#pragma once

#include <cmath>

#include "core/numeric/fp8.h"
#include "core/ops/kv_store/kv_cache_checks.h"
#include "core/ops/oracle/oracle.h"

namespace tamis {

inline std::int64_t kv_row_offset(const TensorDesc& cache, std::int64_t slot) {
  return slot * cache.stride(0) * static_cast<std::int64_t>(dtype_size(cache.dtype));
}

// The c + r values of a row, decoded.
inline std::vector<double> read_kv_row(const OracleCall& call, int cache, const KvLayout& layout,
                                       std::int64_t slot) {
  const std::byte* row = call.bytes(cache) + kv_row_offset(call.desc(cache), slot);
  const DType dtype = call.desc(cache).dtype;
  std::vector<double> values(static_cast<std::size_t>(layout.c + layout.r));
  for (std::int64_t i = 0; i < layout.c + layout.r; ++i) {
    double& value = values[static_cast<std::size_t>(i)];
    if (layout.format == KvFormat::kPlain) {
      value = load_element(dtype, row + i * static_cast<std::int64_t>(dtype_size(dtype)));
    } else if (i < layout.c) {
      const double scale = load_element(DType::kF32, row + layout.c + i / 128 * 4);
      value = load_element(DType::kE4M3, row + i) * scale;
    } else {
      value = load_element(DType::kBF16, row + layout.c + (layout.c + 127) / 128 * 4 + (i - layout.c) * 2);
    }
  }
  return values;
}

// Writes a row given as c + r values.
inline void write_kv_row(const OracleCall& call, int cache, const KvLayout& layout, std::int64_t slot,
                         std::span<const double> values) {
  std::byte* row = call.bytes(cache) + kv_row_offset(call.desc(cache), slot);
  const DType dtype = call.desc(cache).dtype;
  const auto value = [&](std::int64_t i) { return values[static_cast<std::size_t>(i)]; };
  if (layout.format == KvFormat::kPlain) {
    for (std::int64_t i = 0; i < layout.c + layout.r; ++i) {
      store_element(dtype, row + i * static_cast<std::int64_t>(dtype_size(dtype)), value(i));
    }
    return;
  }
  const std::int64_t groups = (layout.c + 127) / 128;
  for (std::int64_t g = 0; g < groups; ++g) {
    const std::int64_t end = std::min(layout.c, (g + 1) * 128);
    double amax = 0;
    for (std::int64_t i = g * 128; i < end; ++i) amax = std::fmax(amax, std::fabs(value(i)));
    const double scale = numeric::latent_scale(static_cast<float>(amax));
    store_element(DType::kF32, row + layout.c + g * 4, scale);
    for (std::int64_t i = g * 128; i < end; ++i) store_element(DType::kE4M3, row + i, value(i) / scale);
  }
  for (std::int64_t i = 0; i < layout.r; ++i) {
    store_element(DType::kBF16, row + layout.c + groups * 4 + i * 2, value(layout.c + i));
  }
}

// Slot of a position of a sequence through the page table, or -1 if it has none.
struct PagedPosition {
  int page_table;
  std::int64_t page_size;
  std::int64_t slots;
};
inline std::int64_t paged_slot(const OracleCall& call, const PagedPosition& paged, std::int64_t seq,
                               std::int64_t position) {
  const TensorDesc& table = call.desc(paged.page_table);
  if (seq < 0 || seq >= table.dim(0) || position / paged.page_size >= table.dim(1)) return -1;
  const std::int64_t page = call.get_int(paged.page_table, {seq, position / paged.page_size});
  const std::int64_t slot = page * paged.page_size + position % paged.page_size;
  return page < 0 || slot >= paged.slots ? -1 : slot;
}

}  // namespace tamis
