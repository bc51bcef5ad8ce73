#include "core/base/tensor.h"

#include <fmt/ranges.h>

namespace tamis {
namespace {

void set_row_major_strides(TensorDesc& desc) {
  std::int64_t stride = 1;
  for (int i = desc.rank - 1; i >= 0; --i) {
    desc.strides[static_cast<std::size_t>(i)] = stride;
    stride *= desc.dims[static_cast<std::size_t>(i)];
  }
}

}  // namespace

TensorDesc::TensorDesc(DType type, std::initializer_list<std::int64_t> shape) : dtype(type) {
  for (std::int64_t d : shape) {
    if (rank < kMaxRank) dims[static_cast<std::size_t>(rank++)] = d;
  }
  set_row_major_strides(*this);
}

std::int64_t TensorDesc::elements() const {
  std::int64_t count = 1;
  for (int i = 0; i < rank; ++i) count *= dim(i);
  return count;
}

std::int64_t TensorDesc::span_bytes() const {
  std::int64_t last = 0;
  for (int i = 0; i < rank; ++i) {
    if (dim(i) == 0) return 0;
    last += (dim(i) - 1) * stride(i);
  }
  return (last + 1) * static_cast<std::int64_t>(dtype_size(dtype));
}

bool TensorDesc::contiguous() const {
  std::int64_t expected = 1;
  for (int i = rank - 1; i >= 0; --i) {
    if (dim(i) != 1 && stride(i) != expected) return false;
    expected *= dim(i);
  }
  return true;
}

bool TensorDesc::same_shape(const TensorDesc& other) const {
  if (rank != other.rank) return false;
  for (int i = 0; i < rank; ++i) {
    if (dim(i) != other.dim(i)) return false;
  }
  return true;
}

std::string TensorDesc::to_string() const {
  return fmt::format("{}[{}]", dtype_name(dtype), fmt::join(dims.begin(), dims.begin() + rank, ", "));
}

TensorDesc slice(const TensorDesc& desc, int axis, std::int64_t length) {
  TensorDesc out = desc;
  out.dims[static_cast<std::size_t>(axis < 0 ? desc.rank + axis : axis)] = length;
  return out;
}

std::int64_t slice_offset_bytes(const TensorDesc& desc, int axis, std::int64_t begin) {
  return begin * desc.stride(axis) * static_cast<std::int64_t>(dtype_size(desc.dtype));
}

Result<TensorDesc> reshape(const TensorDesc& desc, std::initializer_list<std::int64_t> shape) {
  if (shape.size() > kMaxRank)
    return invalid_argument("reshape of {} to rank {}", desc.to_string(), shape.size());
  TensorDesc out(desc.dtype, shape);
  if (out.elements() != desc.elements()) {
    return invalid_argument("reshape of {} to {}: element counts differ", desc.to_string(), out.to_string());
  }
  if (desc.contiguous()) return out;
  // [a.., n] -> [a.., m, n/m]: leading dimensions unchanged, the last one split.
  bool splits_last = out.rank == desc.rank + 1;
  for (int i = 0; splits_last && i + 1 < desc.rank; ++i) splits_last = out.dim(i) == desc.dim(i);
  if (!splits_last) return invalid_argument("reshape of strided {} to {}", desc.to_string(), out.to_string());
  for (int i = 0; i + 1 < desc.rank; ++i) out.strides[static_cast<std::size_t>(i)] = desc.stride(i);
  return out;
}

}  // namespace tamis
