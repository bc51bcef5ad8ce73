// Any bytes as a safetensors file: a file that opens must keep every promise of the reader.
#include <cstdlib>

#include "core/checkpoint/checkpoint.h"
#include "core/checkpoint/safetensors.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::span<const std::byte> bytes = std::as_bytes(std::span(data, size));
  const tamis::Result<tamis::SafetensorsFile> file = tamis::SafetensorsFile::parse(bytes, "fuzz");
  if (!file.ok()) {
    if (file.status().message().empty()) std::abort();
    return 0;
  }
  for (const tamis::CheckpointTensor& tensor : file->tensors()) {
    const std::byte* end = bytes.data() + bytes.size();
    if (tensor.bytes.data() < bytes.data() || tensor.bytes.data() + tensor.bytes.size() > end) std::abort();
    if (file->find(tensor.name) != &tensor) std::abort();
    if (tensor.elements() < 0 || tensor.to_string().empty()) std::abort();
    if (!tensor.dtype) continue;
    const auto element = static_cast<std::int64_t>(tamis::dtype_size(*tensor.dtype));
    if (tensor.elements() * element != tensor.n_bytes) std::abort();
    if (tensor.dtype == tamis::DType::kF32) (void)tamis::validate_scales(tensor);
  }
  return 0;
}
