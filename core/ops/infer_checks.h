// What infer() functions share: one call checks an operand's dtype and shape and words the error.
#pragma once

#include <array>
#include <initializer_list>
#include <span>
#include <string>

#include "core/graph/op_def.h"

namespace tamis {

inline constexpr std::array<DType, 3> kActDTypes{DType::kF32, DType::kBF16, DType::kF16};
inline constexpr std::array<DType, 1> kF32Only{DType::kF32};
inline constexpr std::array<DType, 1> kI32Only{DType::kI32};
inline constexpr std::array<DType, 4> kMatrixDTypes{DType::kF32, DType::kBF16, DType::kF16, DType::kE4M3};

inline constexpr std::int64_t kAnySize = -1;

struct Expected {
  std::span<const DType> dtypes;
  std::initializer_list<std::int64_t> dims;  // kAnySize: any
};

// "moe_route: bias: expected f32[256], found f32[255]".
inline Status expect(const char* op, const char* operand, const TensorDesc& found, const Expected& expected) {
  bool fits = found.rank == static_cast<int>(expected.dims.size());
  int axis = 0;
  for (std::int64_t dim : expected.dims) {
    fits = fits && (dim == kAnySize || found.dim(axis) == dim);
    ++axis;
  }
  bool typed = false;
  for (DType dtype : expected.dtypes) typed = typed || found.dtype == dtype;
  if (fits && typed) return {};
  std::string text;
  for (DType dtype : expected.dtypes) text += fmt::format("{}{}", text.empty() ? "" : "|", dtype_name(dtype));
  std::string shape;
  for (std::int64_t dim : expected.dims) {
    shape += fmt::format("{}{}", shape.empty() ? "" : ", ", dim == kAnySize ? "*" : std::to_string(dim));
  }
  return shape_error(op, operand, fmt::format("{}[{}]", text, shape), found);
}

// For operands that may be absent.
inline Status expect_optional(const char* op, const char* operand, const TensorDesc& found, const Expected& expected) {
  return found.rank == 0 ? Status() : expect(op, operand, found, expected);
}

// The dtype that params ask an output to have.
inline Status expect_act(const char* op, const char* what, DType dtype) {
  for (DType act : kActDTypes) {
    if (dtype == act) return {};
  }
  return invalid_argument("{}: {}: expected f32, bf16 or f16, found {}", op, what, dtype_name(dtype));
}

}  // namespace tamis
