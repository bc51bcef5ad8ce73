// The index cache in host memory: where a slot's key and scale lie (core/ops/index_k_store/index_k_store.h).
#pragma once

#include <algorithm>
#include <cstdint>

#include "backends/cpu/host_tensor.h"
#include "core/ops/ops.h"

namespace tamis::cpu::indexer {

class IndexCache {
 public:
  IndexCache(const Tensor& cache, IndexFormat format, std::int64_t page_size, std::int64_t dim)
      : base_(cache.buffer->host() + cache.offset),
        dtype_(cache.desc.dtype),
        fp8_(format == IndexFormat::kFp8Paged),
        page_size_(page_size),
        dim_(dim),
        row_bytes_(cache.desc.stride(0) * static_cast<std::int64_t>(dtype_size(cache.desc.dtype))),
        slots_(fp8_ ? cache.desc.dim(0) * page_size : cache.desc.dim(0)) {}

  bool contains(std::int64_t slot) const { return slot >= 0 && slot < slots_; }
  // Element type of the keys.
  DType dtype() const { return fp8_ ? DType::kE4M3 : dtype_; }
  bool has_scales() const { return fp8_; }

  std::byte* key(std::int64_t slot) const {
    if (!fp8_) return base_ + slot * row_bytes_;
    return base_ + slot / page_size_ * row_bytes_ + slot % page_size_ * dim_;
  }
  // Four bytes, not aligned when Di is odd.
  std::byte* scale(std::int64_t slot) const {
    return base_ + slot / page_size_ * row_bytes_ + page_size_ * dim_ + slot % page_size_ * 4;
  }

 private:
  std::byte* base_;
  DType dtype_;
  bool fp8_;
  std::int64_t page_size_, dim_, row_bytes_, slots_;
};

// n elements of one float type to another through f32, a short run at a time: no memory of the caller's is
// needed.
inline void convert_row(DType from, const std::byte* src, DType to, std::int64_t n, std::byte* dst) {
  constexpr std::int64_t kRun = 64;
  float values[kRun];
  for (std::int64_t i = 0; i < n; i += kRun) {
    const std::int64_t count = std::min(kRun, n - i);
    load_floats(from, src + i * static_cast<std::int64_t>(dtype_size(from)), count, values);
    store_floats(to, values, count, dst + i * static_cast<std::int64_t>(dtype_size(to)));
  }
}

}  // namespace tamis::cpu::indexer
