// Element types of tensors. Conversions between them live in core/numeric/ (they must also compile for GPUs).
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "core/base/status.h"

namespace tamis {

enum class DType : std::uint8_t {
  kF32 = 0,
  kBF16,
  kF16,
  kE4M3,  // OCP e4m3fn: max 448, no infinity, NaN 0x7f and 0xff
  kI32,
  kI64,
  kU8,
};

constexpr std::size_t dtype_size(DType dtype) {
  switch (dtype) {
    case DType::kF32:
    case DType::kI32: return 4;
    case DType::kBF16:
    case DType::kF16: return 2;
    case DType::kI64: return 8;
    case DType::kE4M3:
    case DType::kU8: return 1;
  }
  return 0;
}

constexpr bool is_float(DType dtype) {
  return dtype == DType::kF32 || dtype == DType::kBF16 || dtype == DType::kF16 || dtype == DType::kE4M3;
}

// "f32", "bf16", "f16", "e4m3", "i32", "i64", "u8".
const char* dtype_name(DType dtype);

// The names that safetensors headers use: F32 BF16 F16 F8_E4M3 I32 I64 U8. kUnsupported for any other.
Result<DType> dtype_from_safetensors(std::string_view name);
const char* dtype_safetensors_name(DType dtype);

}  // namespace tamis
