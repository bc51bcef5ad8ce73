// Writes a safetensors file: `tamis logits --out`, tests.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "core/base/dtype.h"
#include "core/base/status.h"

namespace tamis {

struct TensorToWrite {
  std::string name;
  DType dtype = DType::kF32;
  std::vector<std::int64_t> shape;
  std::span<const std::byte> bytes;  // row-major, exactly shape x dtype_size(dtype)
};

// All tensors or nothing: a temporary file in the same folder takes the place of `path` at the end. Data
// begins on an 8-byte boundary, wider types first, so every tensor is aligned. kInvalidArgument for tensors
// that do not fit their bytes or share a name, kNotFound (with the system's words) where the file cannot be
// written.
Status write_safetensors(const std::string& path, const std::vector<TensorToWrite>& tensors);

}  // namespace tamis
