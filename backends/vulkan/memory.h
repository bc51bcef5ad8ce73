// Device memory that kernels reach by address, and host memory that the device reads and writes.
#pragma once

#include "backends/vulkan/gpu.h"
#include "core/backend/backend_api.h"

namespace tamis::vulkan {

enum class Memory : std::uint8_t {
  kDevice,  // device-local
  kHost,    // host-visible and coherent, cached where there is such, mapped for as long as it lives
};

// A VkBuffer with memory of its own. Movable, so that others can hold one by value.
class Allocation {
 public:
  Allocation() = default;
  static Result<Allocation> create(std::shared_ptr<Gpu> gpu, std::int64_t bytes, Memory memory);
  Allocation(Allocation&& other) noexcept { swap(other); }
  Allocation& operator=(Allocation&& other) noexcept {
    swap(other);
    return *this;
  }
  ~Allocation();

  VkBuffer handle() const { return buffer_; }
  std::uint64_t address() const { return address_; }
  std::int64_t bytes() const { return bytes_; }
  std::byte* host() const { return host_; }  // null for device memory
  Gpu* gpu() const { return gpu_.get(); }

 private:
  void swap(Allocation& other) noexcept;
  Status allocate(Memory memory);

  std::shared_ptr<Gpu> gpu_;
  VkBuffer buffer_ = VK_NULL_HANDLE;
  VkDeviceMemory memory_ = VK_NULL_HANDLE;
  std::uint64_t address_ = 0;
  std::int64_t bytes_ = 0;      // asked for
  std::int64_t allocated_ = 0;  // taken from the heap, 0 for host memory
  std::byte* host_ = nullptr;
};

class VulkanBuffer final : public Buffer {
 public:
  VulkanBuffer(std::int64_t bytes, Allocation allocation)
      : Buffer(bytes), allocation_(std::move(allocation)) {}
  std::byte* host() override { return nullptr; }

  VkBuffer handle() const { return allocation_.handle(); }
  std::uint64_t address() const { return allocation_.address(); }
  const Gpu* gpu() const { return allocation_.gpu(); }

 private:
  Allocation allocation_;
};

}  // namespace tamis::vulkan
