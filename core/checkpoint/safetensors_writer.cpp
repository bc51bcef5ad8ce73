#include "core/checkpoint/safetensors_writer.h"

#include <algorithm>

#include <fmt/ranges.h>
#include <nlohmann/json.hpp>

#include "core/base/temporary_file.h"

namespace tamis {
namespace {

constexpr std::size_t kAlignment = 8;

Status check(const TensorToWrite& tensor) {
  std::int64_t bytes = static_cast<std::int64_t>(dtype_size(tensor.dtype));
  bool fits = true;
  for (const std::int64_t dim : tensor.shape)
    fits = fits && dim >= 0 && !__builtin_mul_overflow(bytes, dim, &bytes);
  if (fits && static_cast<std::size_t>(bytes) == tensor.bytes.size()) return {};
  return invalid_argument("tensor {}: expected the bytes of {}[{}], found {}", tensor.name,
                          dtype_safetensors_name(tensor.dtype), fmt::join(tensor.shape, ", "),
                          tensor.bytes.size());
}

// Length and JSON text, padded with spaces. `order` is the order of the data.
Result<std::string> make_header(const std::vector<const TensorToWrite*>& order) {
  nlohmann::ordered_json header = nlohmann::ordered_json::object();
  std::size_t at = 0;
  for (const TensorToWrite* tensor : order) {
    TAMIS_RETURN_IF_ERROR(check(*tensor));
    header[tensor->name] = {{"dtype", dtype_safetensors_name(tensor->dtype)},
                            {"shape", tensor->shape},
                            {"data_offsets", {at, at + tensor->bytes.size()}}};
    at += tensor->bytes.size();
  }
  if (header.size() != order.size()) return invalid_argument("two tensors share a name");
  std::string text = header.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
  text.resize((text.size() + kAlignment - 1) / kAlignment * kAlignment, ' ');
  std::string length(8, '\0');
  for (std::size_t i = 0; i < length.size(); ++i)
    length[i] = static_cast<char>((text.size() >> (8 * i)) & 0xff);
  return length + text;
}

}  // namespace

Status write_safetensors(const std::string& path, const std::vector<TensorToWrite>& tensors) {
  std::vector<const TensorToWrite*> order;
  for (const TensorToWrite& tensor : tensors) order.push_back(&tensor);
  std::stable_sort(order.begin(), order.end(), [](const TensorToWrite* a, const TensorToWrite* b) {
    return dtype_size(a->dtype) > dtype_size(b->dtype);
  });
  TAMIS_ASSIGN_OR_RETURN(const std::string header, make_header(order));
  TemporaryFile file(path, 0666);
  file.write(header.data(), header.size());
  for (const TensorToWrite* tensor : order) file.write(tensor->bytes.data(), tensor->bytes.size());
  return file.commit();
}

}  // namespace tamis
