// Checks of in-operands for infer(): element type and dims at once, with a message that shows both.
#pragma once

#include <initializer_list>
#include <string>

#include "core/graph/op_def.h"

namespace tamis {

// kMatrix: what weights of rank >= 2 are stored in.
enum class Elements : std::uint8_t { kActivation, kF32, kI32, kMatrix };

inline constexpr std::int64_t kAnyDim = -1;

inline bool has_elements(Elements elements, DType dtype) {
  switch (elements) {
    case Elements::kActivation: return dtype == DType::kF32 || dtype == DType::kBF16 || dtype == DType::kF16;
    case Elements::kF32: return dtype == DType::kF32;
    case Elements::kI32: return dtype == DType::kI32;
    case Elements::kMatrix: return has_elements(Elements::kActivation, dtype) || dtype == DType::kE4M3;
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
