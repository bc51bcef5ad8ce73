// Page tables and caches as shaders/common/caches.glsl takes them, and tensors of vectors.
#pragma once

#include <algorithm>

#include "backends/vulkan/launch.h"
#include "core/ops/ops.h"

namespace tamis::vulkan {

struct PageTableArguments {
  std::uint64_t pages = 0;
  std::uint64_t stride = 0;  // bytes
  std::uint32_t sequences = 0, width = 0, page_size = 1, unused = 0;
};

struct KvCacheArguments {
  std::uint64_t data = 0;
  std::uint64_t stride = 0;  // bytes
  std::uint32_t slots = 0, c = 0, r = 0, unused = 0;
};

struct IndexCacheArguments {
  std::uint64_t data = 0;
  std::uint64_t stride = 0;  // bytes
  std::uint32_t slots = 0, dim = 0, page_size = 1, unused = 0;
};

// A tensor of rank 3, or of rank 2 as one head: strides in bytes.
struct VectorArguments {
  std::uint64_t data = 0;
  std::uint64_t stride = 0;
  std::uint64_t head_stride = 0;
};

// Slots are int32: a cache may have more, but none of those has a name.
inline std::uint32_t slot_count(std::int64_t slots) {
  return static_cast<std::uint32_t>(std::min<std::int64_t>(slots, 0x80000000ll));
}

// Absent: no sequences.
inline PageTableArguments page_table_of(const Tensor& table, std::int32_t page_size) {
  if (!table.present()) return {};
  return {address(table), row_stride(table), dim(table, 0), dim(table, 1),
          static_cast<std::uint32_t>(page_size)};
}

inline KvCacheArguments kv_cache_of(const Tensor& cache, std::int32_t c, std::int32_t r) {
  return {address(cache), row_stride(cache), slot_count(cache.desc.dim(0)), static_cast<std::uint32_t>(c),
          static_cast<std::uint32_t>(r)};
}
// The element type of a cache: the packed format counts as e4m3.
inline std::uint32_t kv_type(const Tensor& cache, KvFormat format) {
  return format == KvFormat::kPackedFp8 ? static_cast<std::uint32_t>(DType::kE4M3) : type_of(cache);
}
// Whether scales and rotated parts of packed rows lie at multiples of their size.
inline std::uint32_t kv_aligned(const Tensor& cache, std::int32_t c) {
  return c % 4 == 0 && cache.desc.stride(0) % 4 == 0 && cache.offset % 4 == 0 ? 1 : 0;
}

inline IndexCacheArguments index_cache_of(const Tensor& cache, IndexFormat format, std::int32_t page_size,
                                          std::int64_t dim) {
  const std::int64_t each = format == IndexFormat::kFp8Paged ? page_size : 1;
  return {address(cache), row_stride(cache), slot_count(cache.desc.dim(0) * each),
          static_cast<std::uint32_t>(dim), static_cast<std::uint32_t>(page_size)};
}
inline std::uint32_t index_type(const Tensor& cache, IndexFormat format) {
  return format == IndexFormat::kFp8Paged ? static_cast<std::uint32_t>(DType::kE4M3) : type_of(cache);
}

inline VectorArguments vectors_of(const Tensor& tensor) {
  if (!tensor.present()) return {};
  const auto size = static_cast<std::uint64_t>(dtype_size(tensor.desc.dtype));
  return {address(tensor), row_stride(tensor),
          tensor.desc.rank == 3 ? static_cast<std::uint64_t>(tensor.desc.stride(1)) * size : 0};
}
inline std::uint32_t heads_of(const Tensor& tensor) { return tensor.desc.rank == 3 ? dim(tensor, 1) : 1; }

// Of a work group. Every device has 16 KB.
inline Reason accept_shared(const DeviceInfo& device, std::int64_t bytes) {
  if (bytes <= device.local_memory_bytes) return accept();
  return reject("a work group has {} bytes of shared memory, the row takes {}", device.local_memory_bytes,
                bytes);
}

inline Reason accept_any(const DeviceInfo&, const OpCall&) { return accept(); }

}  // namespace tamis::vulkan
