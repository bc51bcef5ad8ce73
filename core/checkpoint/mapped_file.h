// A file mapped read-only. Weights are used in place: a checkpoint of hundreds of gigabytes opens at once,
// its pages come on first touch and may be dropped again by the kernel.
#pragma once

#include <cstddef>
#include <span>
#include <string>

#include "core/base/status.h"

namespace tamis {

// Movable; the mapping lives until the destructor, and spans stay valid across a move. Another process that
// truncates the file meanwhile makes a read fault, as with every mapping.
class MappedFile {
 public:
  // Regular files only. kNotFound if it cannot be opened or mapped; an empty file gives an empty span.
  static Result<MappedFile> open(const std::string& path);

  MappedFile(MappedFile&& other) noexcept;
  MappedFile& operator=(MappedFile&& other) noexcept;
  ~MappedFile();

  std::span<const std::byte> bytes() const { return {data_, size_}; }

 private:
  MappedFile(const std::byte* data, std::size_t size) : data_(data), size_(size) {}

  const std::byte* data_ = nullptr;
  std::size_t size_ = 0;
};

}  // namespace tamis
