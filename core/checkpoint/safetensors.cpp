#include "core/checkpoint/safetensors.h"

#include <algorithm>

#include <fmt/ranges.h>
#include <nlohmann/json.hpp>

#include "core/checkpoint/json_fields.h"

namespace tamis {
namespace {

using nlohmann::json;

constexpr std::size_t kLengthBytes = 8;
constexpr std::uint64_t kMaxHeaderBytes = 100'000'000;  // the limit of the format's own reader
constexpr int kMaxDepth = 8;
constexpr const char* kMetadata = "__metadata__";
constexpr IntRange kExactIntegers{0, std::int64_t{1} << 53};  // beyond, JSON readers disagree

std::uint64_t read_le64(std::span<const std::byte> bytes) {
  std::uint64_t value = 0;
  for (std::size_t i = kLengthBytes; i-- > 0;)
    value = (value << 8) | std::to_integer<std::uint64_t>(bytes[i]);
  return value;
}

// The header's text, with its length checked.
Result<std::string_view> header_text(std::span<const std::byte> bytes, const std::string& path) {
  if (bytes.size() < kLengthBytes) {
    return corrupt_data("{}: expected a header length of {} bytes, found a file of {}", path, kLengthBytes,
                        bytes.size());
  }
  const std::uint64_t length = read_le64(bytes);
  if (length > kMaxHeaderBytes) {
    return corrupt_data("{}: header length: expected at most {}, found {}", path, kMaxHeaderBytes, length);
  }
  if (length > bytes.size() - kLengthBytes) {
    return corrupt_data("{}: header length: expected at most the {} bytes that follow, found {}", path,
                        bytes.size() - kLengthBytes, length);
  }
  return std::string_view(reinterpret_cast<const char*>(bytes.data()) + kLengthBytes,
                          static_cast<std::size_t>(length));
}

Status check_metadata(const json& metadata, const std::string& path) {
  bool strings = metadata.is_object();
  for (const json& value : metadata) strings = strings && value.is_string();
  return strings ? Status() : corrupt_data("{}: {}: expected an object of strings", path, kMetadata);
}

std::vector<std::int64_t> read_list(JsonFields& fields, const char* name) {
  const json* list = fields.find(name);
  if (list != nullptr && list->is_array()) return fields.integers(name, kExactIntegers);
  fields.fail_type(name, "a list of integers");
  return {};
}

// Bytes of `info` by shape and dtype; one byte an element for a type this engine does not know.
Result<std::int64_t> expected_bytes(const TensorInfo& info, const std::string& where) {
  std::int64_t bytes = info.dtype ? static_cast<std::int64_t>(dtype_size(*info.dtype)) : 1;
  for (const std::int64_t dim : info.shape) {
    if (__builtin_mul_overflow(bytes, dim, &bytes)) {
      return corrupt_data("{}: shape: expected a size below 2^63 bytes, found {}", where, info.to_string());
    }
  }
  return bytes;
}

Result<CheckpointTensor> read_tensor(const std::string& name, const json& entry, const std::string& where,
                                     std::span<const std::byte> data) {
  JsonFields fields(entry, where);
  CheckpointTensor tensor;
  tensor.name = name;
  tensor.dtype_text = fields.string_or("dtype", "");
  if (!fields.has("dtype")) fields.fail_missing("dtype");
  tensor.shape = read_list(fields, "shape");
  const std::vector<std::int64_t> offsets = read_list(fields, "data_offsets");
  TAMIS_RETURN_IF_ERROR(fields.status());

  if (offsets.size() != 2 || offsets[0] > offsets[1]) {
    return corrupt_data("{}: data_offsets: expected [begin, end], found [{}]", where,
                        fmt::join(offsets, ", "));
  }
  if (static_cast<std::uint64_t>(offsets[1]) > data.size()) {
    return corrupt_data(
        "{}: data_offsets: expected an end within the {} bytes of data, found {} (truncated file?)", where,
        data.size(), offsets[1]);
  }
  tensor.n_bytes = offsets[1] - offsets[0];
  tensor.bytes = data.subspan(static_cast<std::size_t>(offsets[0]), static_cast<std::size_t>(tensor.n_bytes));
  // A tensor of an unknown type may be one that nobody needs: only its byte range can be checked.
  if (Result<DType> dtype = dtype_from_safetensors(tensor.dtype_text); dtype.ok()) tensor.dtype = *dtype;
  TAMIS_ASSIGN_OR_RETURN(const std::int64_t expected, expected_bytes(tensor, where));
  if (tensor.dtype && expected != tensor.n_bytes) {
    return corrupt_data("{}: data_offsets: expected {} bytes for {}, found {}", where, expected,
                        tensor.to_string(), tensor.n_bytes);
  }
  return tensor;
}

// The tensors must cover the data exactly: an overlap lets one tensor change another's meaning, a hole hides
// bytes.
Status check_cover(const std::vector<CheckpointTensor>& tensors, const std::string& path,
                   std::span<const std::byte> data) {
  std::vector<const CheckpointTensor*> order;
  for (const CheckpointTensor& tensor : tensors) order.push_back(&tensor);
  std::sort(order.begin(), order.end(), [](const CheckpointTensor* a, const CheckpointTensor* b) {
    return std::pair(a->bytes.data(), a->bytes.size()) < std::pair(b->bytes.data(), b->bytes.size());
  });
  std::size_t end = 0;
  std::string_view previous = "the header";
  for (const CheckpointTensor* tensor : order) {
    const auto begin = static_cast<std::size_t>(tensor->bytes.data() - data.data());
    if (begin != end) {
      return corrupt_data("{}: tensor {}: data_offsets: expected a begin of {} (the end of {}), found {}: {}",
                          path, tensor->name, end, previous, begin, begin < end ? "they overlap" : "a hole");
    }
    end = begin + tensor->bytes.size();
    previous = tensor->name;
  }
  if (end != data.size()) {
    return corrupt_data("{}: expected data to end with {} at byte {}, found {} bytes", path, previous, end,
                        data.size());
  }
  return {};
}

}  // namespace

std::int64_t TensorInfo::elements() const {
  std::int64_t count = 1;
  for (const std::int64_t dim : shape) count *= dim;
  return count;
}

std::string TensorInfo::to_string() const {
  return fmt::format("{}[{}]", dtype_text, fmt::join(shape, ", "));
}

Result<SafetensorsFile> SafetensorsFile::open(const std::string& path) {
  TAMIS_ASSIGN_OR_RETURN(MappedFile mapping, MappedFile::open(path));
  TAMIS_ASSIGN_OR_RETURN(SafetensorsFile file, parse(mapping.bytes(), path));
  file.mapping_ = std::move(mapping);
  return file;
}

Result<SafetensorsFile> SafetensorsFile::parse(std::span<const std::byte> bytes, std::string path) {
  TAMIS_ASSIGN_OR_RETURN(const std::string_view text, header_text(bytes, path));
  TAMIS_ASSIGN_OR_RETURN(const json header, parse_json(text, fmt::format("{}: header", path), kMaxDepth));
  if (!header.is_object()) {
    return corrupt_data("{}: header: expected a JSON object, found {}", path, describe_json(header));
  }
  const std::span<const std::byte> data = bytes.subspan(kLengthBytes + text.size());
  std::vector<CheckpointTensor> tensors;
  tensors.reserve(header.size());
  for (const auto& [name, entry] : header.items()) {  // items() iterates in key order
    if (name == kMetadata) {
      TAMIS_RETURN_IF_ERROR(check_metadata(entry, path));
      continue;
    }
    TAMIS_ASSIGN_OR_RETURN(CheckpointTensor tensor,
                           read_tensor(name, entry, fmt::format("{}: tensor {}", path, name), data));
    tensors.push_back(std::move(tensor));
  }
  TAMIS_RETURN_IF_ERROR(check_cover(tensors, path, data));
  return SafetensorsFile(std::move(path), bytes, std::move(tensors));
}

const CheckpointTensor* SafetensorsFile::find(std::string_view name) const {
  const auto it = std::lower_bound(
      tensors_.begin(), tensors_.end(), name,
      [](const CheckpointTensor& tensor, std::string_view key) { return tensor.name < key; });
  return it != tensors_.end() && it->name == name ? &*it : nullptr;
}

}  // namespace tamis
