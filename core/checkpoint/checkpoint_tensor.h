// One tensor of a checkpoint: what its header says, and its bytes where they lie.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "core/base/dtype.h"

namespace tamis {

struct TensorInfo {
  std::string name;
  std::string dtype_text;           // as the file spells it: "F8_E4M3"
  std::optional<DType> dtype;       // empty: a type that this engine does not read
  std::vector<std::int64_t> shape;  // row-major; empty for a scalar
  std::int64_t n_bytes = 0;

  // Product of the shape; checked against overflow when the header was read.
  std::int64_t elements() const;
  // "F8_E4M3[576, 7168]".
  std::string to_string() const;
};

struct CheckpointTensor : TensorInfo {
  // Valid as long as the checkpoint. Not necessarily aligned to the element: the format does not ask for it.
  std::span<const std::byte> bytes;
};

}  // namespace tamis
