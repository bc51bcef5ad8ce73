// Shape, strides and dtype of a tensor, without its memory. Shapes are written [tokens, heads, dim]; all
// counts are int64 (an index tensor of 4096 queries x 131072 keys x 8 heads already passes 2^31).
#pragma once

#include <array>
#include <cstdint>
#include <initializer_list>
#include <string>

#include "core/base/dtype.h"

namespace tamis {

inline constexpr int kMaxRank = 4;

// Row-major unless made by a slice. The last dimension always has stride 1: kernels may read rows as vectors.
struct TensorDesc {
  DType dtype = DType::kF32;
  int rank = 0;
  std::array<std::int64_t, kMaxRank> dims{};     // elements
  std::array<std::int64_t, kMaxRank> strides{};  // elements

  TensorDesc() = default;
  TensorDesc(DType type, std::initializer_list<std::int64_t> shape);

  std::int64_t dim(int i) const { return dims[static_cast<std::size_t>(i < 0 ? rank + i : i)]; }
  std::int64_t stride(int i) const { return strides[static_cast<std::size_t>(i < 0 ? rank + i : i)]; }

  std::int64_t elements() const;
  // Bytes from the first to one past the last element: what a buffer must hold behind the tensor's offset.
  std::int64_t span_bytes() const;
  bool contiguous() const;
  bool same_shape(const TensorDesc& other) const;

  // "bf16[17, 8, 192]".
  std::string to_string() const;
};

// `length` elements along `axis`; strides stay, so the result views the same memory. The caller adds
// slice_offset_bytes() to the tensor's offset.
TensorDesc slice(const TensorDesc& desc, int axis, std::int64_t length);
std::int64_t slice_offset_bytes(const TensorDesc& desc, int axis, std::int64_t begin);

// The same elements under another shape. Contiguous tensors take any shape of equal element count; a strided
// one may only split its last dimension ([t, h*d] -> [t, h, d]).
Result<TensorDesc> reshape(const TensorDesc& desc, std::initializer_list<std::int64_t> shape);

}  // namespace tamis
