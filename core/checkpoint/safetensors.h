// The safetensors format (huggingface/safetensors): a little-endian u64 header length, a JSON header {name:
// {dtype, shape, data_offsets}}, then the data without gaps. Everything is checked before a tensor can be
// seen: a file that opens has in-range, non-overlapping tensors whose byte counts fit their shapes.
#pragma once

#include <string_view>
#include <vector>

#include "core/checkpoint/checkpoint_tensor.h"
#include "core/checkpoint/mapped_file.h"

namespace tamis {

class SafetensorsFile {
 public:
  // kNotFound if the file cannot be mapped, else kCorruptData with file, tensor, expected and found.
  static Result<SafetensorsFile> open(const std::string& path);
  // The same from memory, which must outlive the result; `path` is for messages.
  static Result<SafetensorsFile> parse(std::span<const std::byte> bytes, std::string path);

  // nullptr if there is no such tensor. Pointers stay valid across moves.
  const CheckpointTensor* find(std::string_view name) const;
  // Sorted by name.
  const std::vector<CheckpointTensor>& tensors() const { return tensors_; }

  const std::string& path() const { return path_; }
  // The whole file, header included.
  std::span<const std::byte> bytes() const { return bytes_; }

 private:
  SafetensorsFile(std::string path, std::span<const std::byte> bytes, std::vector<CheckpointTensor> tensors)
      : path_(std::move(path)), bytes_(bytes), tensors_(std::move(tensors)) {}

  std::string path_;
  std::optional<MappedFile> mapping_;
  std::span<const std::byte> bytes_;
  std::vector<CheckpointTensor> tensors_;
};

}  // namespace tamis
