// What the infer() functions of many ops check: element types and dims, with messages that show both sides.
#pragma once

#include <initializer_list>
#include <string>

#include "core/graph/op_def.h"

namespace tamis {

inline constexpr const char* kActivationDTypes = "f32, bf16 or f16";

constexpr bool is_activation_dtype(DType dtype) {
  return dtype == DType::kF32 || dtype == DType::kBF16 || dtype == DType::kF16;
}

inline bool is_activation(const TensorDesc& desc, int rank) {
  return desc.rank == rank && is_activation_dtype(desc.dtype);
}

// A vector of `size` elements.
inline bool is_vector(const TensorDesc& desc, DType dtype, std::int64_t size) {
  return desc.rank == 1 && desc.dtype == dtype && desc.dim(0) == size;
}

// A weight of rank >= 2 in one of the formats that checkpoints store.
inline bool is_matrix_weight(const TensorDesc& desc, int rank) {
  return desc.rank == rank && (is_activation_dtype(desc.dtype) || desc.dtype == DType::kE4M3);
}

// "f32, bf16 or f16 [T, H]", for shape_error().
inline std::string activation_shape(const std::string& shape) {
  return fmt::format("{} {}", kActivationDTypes, shape);
}

inline Status check_out_dtype(const char* op, DType out) {
  if (is_activation_dtype(out)) return {};
  return invalid_argument("{}: out: expected {}, found {}", op, kActivationDTypes, dtype_name(out));
}

// A row-major tensor of the shape of `desc`.
inline TensorDesc row_major(DType dtype, TensorDesc desc) {
  desc.dtype = dtype;
  std::int64_t stride = 1;
  for (int i = desc.rank - 1; i >= 0; --i) {
    desc.strides[static_cast<std::size_t>(i)] = stride;
    stride *= desc.dim(i);
  }
  return desc;
}

// kMatrix: what weights of rank >= 2 are stored in.
enum class Elements : std::uint8_t { kActivation, kF32, kI32, kMatrix };

inline constexpr std::int64_t kAnyDim = -1;

inline bool has_elements(Elements elements, DType dtype) {
  switch (elements) {
    case Elements::kActivation: return is_activation_dtype(dtype);
    case Elements::kF32: return dtype == DType::kF32;
    case Elements::kI32: return dtype == DType::kI32;
    case Elements::kMatrix: return is_activation_dtype(dtype) || dtype == DType::kE4M3;
  }
  return false;
}

// OK if `found` is a tensor of these elements and dims (kAnyDim matches any size).
inline Status expect(const char* op, const char* operand, Elements elements,
                     std::initializer_list<std::int64_t> dims, const TensorDesc& found) {
  bool good = has_elements(elements, found.dtype) && found.rank == static_cast<int>(dims.size());
  const char* const names[] = {"f32, bf16 or f16", "f32", "i32", "f32, bf16, f16 or e4m3"};
  std::string shape = names[static_cast<int>(elements)];
  const char* separator = " [";
  int axis = 0;
  for (std::int64_t dim : dims) {
    if (good && dim != kAnyDim && found.dim(axis) != dim) good = false;
    shape += dim == kAnyDim ? fmt::format("{}*", separator) : fmt::format("{}{}", separator, dim);
    separator = ", ";
    ++axis;
  }
  return good ? Status{} : shape_error(op, operand, shape + "]", found);
}

// The same for an optional operand: absent is fine, too.
inline Status expect_optional(const char* op, const char* operand, Elements elements,
                              std::initializer_list<std::int64_t> dims, const TensorDesc& found) {
  return found.rank == 0 ? Status{} : expect(op, operand, elements, dims, found);
}

}  // namespace tamis
