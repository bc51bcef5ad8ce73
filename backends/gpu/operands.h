// What the rows of kernels_gpu/ share: operands of a call as the kernels take them.
#pragma once

#include "backends/gpu/queue.h"
#include "core/backend/kernel_table.h"
#include "core/graph/op_call.h"
#include "core/ops/ops.h"

namespace tamis::gpu {

static_assert(static_cast<int>(Element::kF32) == static_cast<int>(DType::kF32));
static_assert(static_cast<int>(Element::kBF16) == static_cast<int>(DType::kBF16));
static_assert(static_cast<int>(Element::kF16) == static_cast<int>(DType::kF16));
static_assert(static_cast<int>(Element::kE4M3) == static_cast<int>(DType::kE4M3));

inline Element element_of(DType dtype) { return static_cast<Element>(dtype); }

// Null for no buffer.
inline std::byte* address_of(const Buffer* buffer, std::int64_t offset) {
  return buffer == nullptr ? nullptr : static_cast<const GpuBuffer*>(buffer)->device_address() + offset;
}

// Null for an operand that is absent.
template <class T>
T* data(const Tensor& tensor) {
  return reinterpret_cast<T*>(address_of(tensor.buffer, tensor.offset));
}

// A tensor of rank 2; absent: null. Elements that are no number (u8) are bytes to the kernels.
inline Rows rows_of(const Tensor& tensor) {
  if (!tensor.present()) return {};
  return {data<std::byte>(tensor), tensor.desc.stride(0), element_of(tensor.desc.dtype)};
}

// An i32 tensor of rank 1 or 2; absent: null.
inline Ints ints_of(const Tensor& tensor) {
  if (!tensor.present()) return {};
  return {data<std::int32_t>(tensor), tensor.desc.stride(0)};
}

// A tensor of rank 3, or of rank 2 as one head.
inline Vectors vectors_of(const Tensor& tensor) {
  if (!tensor.present()) return {};
  return {data<std::byte>(tensor), tensor.desc.stride(0), tensor.desc.rank == 3 ? tensor.desc.stride(1) : 0,
          element_of(tensor.desc.dtype)};
}
inline std::int64_t heads_of(const Tensor& tensor) { return tensor.desc.rank == 3 ? tensor.desc.dim(1) : 1; }

// Absent: no sequences.
inline PageTable page_table_of(const Tensor& table, std::int64_t page_size) {
  if (!table.present()) return {};
  return {data<std::int32_t>(table), table.desc.stride(0), table.desc.dim(0), table.desc.dim(1), page_size};
}

inline KvCache kv_cache_of(const Tensor& cache, KvFormat format, std::int64_t c, std::int64_t r) {
  const bool packed = format == KvFormat::kPackedFp8;
  KvCache result{data<std::byte>(cache), cache.desc.stride(0), cache.desc.dim(0), c, r};
  result.element = packed ? Element::kE4M3 : element_of(cache.desc.dtype);
  result.aligned = packed && c % 4 == 0 && result.stride % 4 == 0 && cache.offset % 4 == 0;
  return result;
}

inline IndexCache index_cache_of(const Tensor& cache, IndexFormat format, std::int64_t page_size,
                                 std::int64_t dim) {
  IndexCache result{data<std::byte>(cache), cache.desc.stride(0), cache.desc.dim(0), dim, page_size};
  if (format != IndexFormat::kFp8Paged) {
    result.element = element_of(cache.desc.dtype);
    return result;
  }
  result.slots *= page_size;
  result.element = Element::kE4M3;
  return result;
}

inline bool is_activation(DType dtype) {
  return dtype == DType::kF32 || dtype == DType::kBF16 || dtype == DType::kF16;
}

// A row's launch: the arguments made of the call, the kernel on the queue's stream.
template <auto arguments, auto kernel>
Status launch(Queue& queue, const OpCall& call, const Scratch&) {
  return static_cast<GpuQueue&>(queue).submit(call.op->name, kernel, arguments(call));
}

// The same of a kernel with workspace: arguments(call, address of the workspace).
template <auto arguments, auto kernel>
Status launch_with_workspace(Queue& queue, const OpCall& call, const Scratch& scratch) {
  std::byte* workspace = address_of(scratch.workspace, scratch.workspace_offset);
  return static_cast<GpuQueue&>(queue).submit(call.op->name, kernel, arguments(call, workspace));
}

inline Reason accept_any(const DeviceInfo&, const OpCall&) { return accept(); }

}  // namespace tamis::gpu
