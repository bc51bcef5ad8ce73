#include "core/checkpoint/checkpoint.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include <fmt/ranges.h>

#include "core/base/ceil_div.h"

namespace tamis {
namespace {

std::string dtype_list(std::initializer_list<DType> dtypes) {
  std::string out;
  for (const DType dtype : dtypes) {
    if (!out.empty()) out += " or ";
    out += dtype_safetensors_name(dtype);
  }
  return out;
}

}  // namespace

Result<const CheckpointTensor*> Checkpoint::require(std::string_view name,
                                                    std::initializer_list<DType> dtypes,
                                                    std::initializer_list<std::int64_t> shape) {
  TAMIS_ASSIGN_OR_RETURN(const CheckpointTensor* tensor, find(name));
  const auto expected = [&] { return fmt::format("{}[{}]", dtype_list(dtypes), fmt::join(shape, ", ")); };
  if (tensor == nullptr)
    return not_found("{}: tensor {}: expected {}, found no such tensor", where(), name, expected());
  if (std::find(dtypes.begin(), dtypes.end(), *tensor->dtype) == dtypes.end()) {
    return unsupported("{}: tensor {}: dtype: expected {}, found {}", where(), name, expected(),
                       tensor->to_string());
  }
  if (!std::equal(shape.begin(), shape.end(), tensor->shape.begin(), tensor->shape.end())) {
    return corrupt_data("{}: tensor {}: shape: expected {}, found {}", where(), name, expected(),
                        tensor->to_string());
  }
  return tensor;
}

Result<const CheckpointTensor*> Checkpoint::find_scales(const TensorInfo& weight, BlockSize block) {
  if (weight.dtype != DType::kE4M3) return static_cast<const CheckpointTensor*>(nullptr);
  if (weight.shape.size() != 2) {
    return unsupported("{}: tensor {}: expected F8_E4M3 of two dimensions, found {}", where(), weight.name,
                       weight.to_string());
  }
  const std::string name = weight.name + "_scale_inv";
  if (!has(name)) {
    return unsupported("{}: tensor {}: expected F8_E4M3 with block scales {}, found no such tensor", where(),
                       weight.name, name);
  }
  return require(name, {DType::kF32},
                 {ceil_div(weight.shape[0], block.rows), ceil_div(weight.shape[1], block.cols)});
}

Status validate_scales(const CheckpointTensor& scales) {
  for (std::size_t i = 0; i + sizeof(float) <= scales.bytes.size(); i += sizeof(float)) {
    float value;
    std::memcpy(&value, scales.bytes.data() + i, sizeof(value));
    if (!(value > 0.0f) || !std::isfinite(value)) {
      return corrupt_data("tensor {}: element {}: expected a positive finite scale, found {}", scales.name,
                          i / sizeof(float), value);
    }
  }
  return {};
}

}  // namespace tamis
