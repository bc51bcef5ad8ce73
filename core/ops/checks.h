// What the infer() functions of many ops check.
#pragma once

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

}  // namespace tamis
