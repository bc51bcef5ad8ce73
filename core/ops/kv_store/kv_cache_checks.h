// What every op that reads or writes the latent cache checks in infer().
#pragma once

#include "core/ops/checks.h"
#include "core/ops/ops.h"

namespace tamis {

// How one row of the cache is laid out: c latent values, then r rotated key values.
struct KvLayout {
  KvFormat format = KvFormat::kPlain;
  std::int64_t c = 0;
  std::int64_t r = 0;
};

inline Status check_kv_cache(const char* op, const KvLayout& layout, const TensorDesc& cache) {
  if (layout.c <= 0 || layout.r <= 0) {
    return invalid_argument("{}: c and r must be positive, found {} and {}", op, layout.c, layout.r);
  }
  if (layout.format == KvFormat::kPackedFp8) {
    const std::int64_t bytes = packed_kv_row_bytes(layout.c, layout.r);
    if (cache.dtype == DType::kU8 && cache.rank == 2 && cache.dim(1) == bytes) return {};
    return shape_error(op, "cache", fmt::format("u8 [slots, {}]", bytes), cache);
  }
  const bool plain = cache.dtype == DType::kF32 || cache.dtype == DType::kBF16;
  if (plain && cache.rank == 2 && cache.dim(1) == layout.c + layout.r) return {};
  return shape_error(op, "cache", fmt::format("f32 or bf16 [slots, {}]", layout.c + layout.r), cache);
}

inline Status check_page_size(const char* op, std::int64_t page_size) {
  if (page_size > 0) return {};
  return invalid_argument("{}: page_size must be positive, found {}", op, page_size);
}

}  // namespace tamis
