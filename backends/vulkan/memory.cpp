#include "backends/vulkan/memory.h"

#include <algorithm>
#include <utility>

namespace tamis::vulkan {
namespace {

// Fills take words and rows read whole words of the last element, so buffers end on one.
constexpr std::int64_t kGranularity = 16;

constexpr std::uint32_t kAnyHeap = VK_MAX_MEMORY_HEAPS;

// The index of the first type that is allowed, has all `wanted` flags and comes from `heap`, or -1.
int find_type(const Physical& physical, std::uint32_t allowed, VkMemoryPropertyFlags wanted,
              std::uint32_t heap = kAnyHeap) {
  for (std::uint32_t i = 0; i < physical.memory.memoryTypeCount; ++i) {
    const VkMemoryType& type = physical.memory.memoryTypes[i];
    if ((allowed & (1u << i)) == 0 || (heap != kAnyHeap && type.heapIndex != heap)) continue;
    if ((type.propertyFlags & wanted) == wanted) return static_cast<int>(i);
  }
  return -1;
}

int choose_type(const Physical& physical, std::uint32_t allowed, Memory memory) {
  // The largest device-local heap: a card may have a small one beside it that the host can map.
  if (memory == Memory::kDevice)
    return find_type(physical, allowed, VK_MEMORY_PROPERTY_DEVICE_LOCAL_BIT, physical.heap);
  const VkMemoryPropertyFlags shared =
      VK_MEMORY_PROPERTY_HOST_VISIBLE_BIT | VK_MEMORY_PROPERTY_HOST_COHERENT_BIT;
  const int cached = find_type(physical, allowed, shared | VK_MEMORY_PROPERTY_HOST_CACHED_BIT);
  return cached >= 0 ? cached : find_type(physical, allowed, shared);
}

}  // namespace

Result<Allocation> Allocation::create(std::shared_ptr<Gpu> gpu, std::int64_t bytes, Memory memory) {
  if (bytes < 0) return invalid_argument("vulkan: alloc of {} bytes", bytes);
  const std::int64_t free = gpu->free_bytes();
  if (memory == Memory::kDevice && bytes > free)
    return out_of_memory("vulkan: needs {} bytes, {} are free", bytes, free);
  // A driver may give more in one piece than it promises (NVIDIA's promises 4 GiB), and must say if not.
  const std::int64_t promised = gpu->physical.info.max_buffer_bytes;
  Allocation made;
  made.gpu_ = std::move(gpu);
  made.bytes_ = bytes;
  const Status status = made.allocate(memory);
  if (status.code() == StatusCode::kOutOfMemory)
    return out_of_memory("vulkan: needs {} bytes in one piece, {} are free, the driver promises {}: {}",
                         bytes, free, promised, status.message());
  TAMIS_RETURN_IF_ERROR(status.with_context("vulkan: alloc"));
  return made;
}

Status Allocation::allocate(Memory memory) {
  const DeviceApi& vk = gpu_->vk;
  VkBufferCreateInfo info{};
  info.sType = VK_STRUCTURE_TYPE_BUFFER_CREATE_INFO;
  info.size = static_cast<VkDeviceSize>((bytes_ / kGranularity + 1) * kGranularity);
  info.usage = VK_BUFFER_USAGE_STORAGE_BUFFER_BIT | VK_BUFFER_USAGE_TRANSFER_SRC_BIT |
               VK_BUFFER_USAGE_TRANSFER_DST_BIT | VK_BUFFER_USAGE_SHADER_DEVICE_ADDRESS_BIT;
  TAMIS_RETURN_IF_ERROR(check(vk.vkCreateBuffer(gpu_->device, &info, nullptr, &buffer_), "vkCreateBuffer"));
  VkMemoryRequirements needs{};
  vk.vkGetBufferMemoryRequirements(gpu_->device, buffer_, &needs);
  const int type = choose_type(gpu_->physical, needs.memoryTypeBits, memory);
  if (type < 0) return unsupported("no memory type for it");
  VkMemoryAllocateFlagsInfo flags{};
  flags.sType = VK_STRUCTURE_TYPE_MEMORY_ALLOCATE_FLAGS_INFO;
  flags.flags = VK_MEMORY_ALLOCATE_DEVICE_ADDRESS_BIT;
  VkMemoryAllocateInfo allocate{};
  allocate.sType = VK_STRUCTURE_TYPE_MEMORY_ALLOCATE_INFO;
  allocate.pNext = &flags;
  allocate.allocationSize = needs.size;
  allocate.memoryTypeIndex = static_cast<std::uint32_t>(type);
  TAMIS_RETURN_IF_ERROR(
      check(vk.vkAllocateMemory(gpu_->device, &allocate, nullptr, &memory_), "vkAllocateMemory"));
  if (memory == Memory::kDevice) {
    allocated_ = static_cast<std::int64_t>(needs.size);
    gpu_->allocated_bytes += allocated_;
  }
  TAMIS_RETURN_IF_ERROR(
      check(vk.vkBindBufferMemory(gpu_->device, buffer_, memory_, 0), "vkBindBufferMemory"));
  if (memory == Memory::kHost) {
    void* mapped = nullptr;
    TAMIS_RETURN_IF_ERROR(
        check(vk.vkMapMemory(gpu_->device, memory_, 0, VK_WHOLE_SIZE, 0, &mapped), "vkMapMemory"));
    host_ = static_cast<std::byte*>(mapped);
  }
  VkBufferDeviceAddressInfo address{};
  address.sType = VK_STRUCTURE_TYPE_BUFFER_DEVICE_ADDRESS_INFO;
  address.buffer = buffer_;
  address_ = vk.vkGetBufferDeviceAddress(gpu_->device, &address);
  return {};
}

Allocation::~Allocation() {
  if (gpu_ == nullptr) return;
  if (buffer_ != VK_NULL_HANDLE) gpu_->vk.vkDestroyBuffer(gpu_->device, buffer_, nullptr);
  if (memory_ != VK_NULL_HANDLE) gpu_->vk.vkFreeMemory(gpu_->device, memory_, nullptr);
  gpu_->allocated_bytes -= allocated_;
}

void Allocation::swap(Allocation& other) noexcept {
  std::swap(gpu_, other.gpu_);
  std::swap(buffer_, other.buffer_);
  std::swap(memory_, other.memory_);
  std::swap(address_, other.address_);
  std::swap(bytes_, other.bytes_);
  std::swap(allocated_, other.allocated_);
  std::swap(host_, other.host_);
}

}  // namespace tamis::vulkan
