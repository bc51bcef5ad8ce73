#include "core/base/dtype.h"

#include <array>

namespace tamis {
namespace {

struct DTypeNames {
  const char* name;
  const char* safetensors;
};

// Indexed by DType.
constexpr std::array<DTypeNames, 7> kNames{{
    {"f32", "F32"},
    {"bf16", "BF16"},
    {"f16", "F16"},
    {"e4m3", "F8_E4M3"},
    {"i32", "I32"},
    {"i64", "I64"},
    {"u8", "U8"},
}};

}  // namespace

const char* dtype_name(DType dtype) { return kNames[static_cast<std::size_t>(dtype)].name; }

const char* dtype_safetensors_name(DType dtype) {
  return kNames[static_cast<std::size_t>(dtype)].safetensors;
}

Result<DType> dtype_from_safetensors(std::string_view name) {
  for (std::size_t i = 0; i < kNames.size(); ++i) {
    if (name == kNames[i].safetensors) return static_cast<DType>(i);
  }
  return unsupported("dtype {}: expected one of F32 BF16 F16 F8_E4M3 I32 I64 U8", name);
}

}  // namespace tamis
