// The null device: a piece of host memory that it does not let the host see, as a GPU's would not be. A
// backend with hardware fills DeviceInfo from the driver and makes alloc() the driver's allocation.
#pragma once

#include <memory>
#include <new>
#include <string>

#include "backends/null/queue.h"

namespace tamis::null {

inline constexpr std::int64_t kMemoryBytes = std::int64_t{1}
                                             << 32;  // so much that no test meets the end by accident

class NullDevice final : public Device {
 public:
  NullDevice() {
    info_.name = "null device";
    info_.backend = "null";
    info_.memory_bytes = kMemoryBytes;
    info_.driver = "none";
  }

  const DeviceInfo& info() const override { return info_; }
  std::int64_t free_bytes() const override { return kMemoryBytes; }

  Result<std::shared_ptr<Buffer>> alloc(std::int64_t bytes) override {
    if (bytes < 0) return invalid_argument("null: alloc of {} bytes", bytes);
    std::unique_ptr<std::byte[]> memory;
    if (bytes <= kMemoryBytes) memory.reset(new (std::nothrow) std::byte[static_cast<std::size_t>(bytes)]);
    if (memory == nullptr) return out_of_memory("null: needs {} bytes, {} are free", bytes, free_bytes());
    return std::shared_ptr<Buffer>(std::make_shared<NullBuffer>(bytes, std::move(memory)));
  }

  Result<std::shared_ptr<Buffer>> import_host(std::span<const std::byte> memory) override {
    return unsupported("null: cannot read host memory in place ({} bytes)", memory.size());
  }

  Result<std::unique_ptr<Queue>> create_queue() override { return std::unique_ptr<Queue>(new NullQueue); }
  void* extension(const char*) override { return nullptr; }

 private:
  DeviceInfo info_;
};

}  // namespace tamis::null
