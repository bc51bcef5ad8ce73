#include "backends/vulkan/device.h"

#include <algorithm>
#include <cstring>

#include "backends/vulkan/memory.h"
#include "backends/vulkan/queue.h"
#include "core/base/log.h"

namespace tamis::vulkan {

Result<std::shared_ptr<Gpu>> VulkanDevice::open() {
  const std::lock_guard lock(mutex_);
  if (gpu_ == nullptr) {
    TAMIS_ASSIGN_OR_RETURN(gpu_, Gpu::open(instance_, physical_));
  }
  TAMIS_RETURN_IF_ERROR(gpu_->alive());
  return gpu_;
}

std::int64_t VulkanDevice::free_bytes() const {
  const std::lock_guard lock(mutex_);
  return gpu_ != nullptr ? gpu_->free_bytes() : physical_.heap_bytes;
}

Result<std::shared_ptr<Buffer>> VulkanDevice::alloc(std::int64_t bytes) {
  TAMIS_ASSIGN_OR_RETURN(std::shared_ptr<Gpu> gpu, open());
  TAMIS_ASSIGN_OR_RETURN(Allocation memory, Allocation::create(std::move(gpu), bytes, Memory::kDevice));
  return std::shared_ptr<Buffer>(std::make_shared<VulkanBuffer>(bytes, std::move(memory)));
}

Result<std::shared_ptr<Buffer>> VulkanDevice::import_host(std::span<const std::byte> memory) {
  return unsupported("vulkan: cannot read host memory in place ({} bytes)", memory.size());
}

Result<std::unique_ptr<Queue>> VulkanDevice::create_queue() {
  TAMIS_ASSIGN_OR_RETURN(std::shared_ptr<Gpu> gpu, open());
  return VulkanQueue::create(std::move(gpu));
}

void* VulkanDevice::extension(const char* name) {
  if (std::strcmp(name, kQueueStats) != 0) return nullptr;
  const Result<std::shared_ptr<Gpu>> gpu = open();
  return gpu.ok() ? &(*gpu)->stats : nullptr;
}

DeviceList enumerate_devices() {
  Result<std::shared_ptr<Instance>> instance = Instance::create();
  if (!instance.ok()) return {{}, instance.status().message()};
  const Result<std::vector<VkPhysicalDevice>> handles = (*instance)->physical_devices();
  if (!handles.ok()) return {{}, "no Vulkan device: " + handles.status().message()};
  std::vector<Physical> found;
  std::string left_out;
  for (VkPhysicalDevice handle : *handles) {
    Result<Physical> physical = describe(**instance, handle);
    if (physical.ok()) {
      log(LogLevel::kInfo, "vulkan: {}: {}", physical->info.name, physical->info.driver);
      found.push_back(std::move(physical).value());
      continue;
    }
    log(LogLevel::kInfo, "vulkan: left out: {}", physical.status().message());
    left_out += (left_out.empty() ? "" : "; ") + physical.status().message();
  }
  if (found.empty()) {
    return {{}, "no Vulkan device: " + (left_out.empty() ? "the loader found no driver" : left_out)};
  }
  std::stable_sort(found.begin(), found.end(),
                   [](const Physical& a, const Physical& b) { return a.software < b.software; });
  DeviceList list;
  for (Physical& physical : found) {
    physical.info.index = static_cast<int>(list.devices.size());
    list.devices.push_back(std::make_shared<VulkanDevice>(*instance, std::move(physical)));
  }
  return list;
}

}  // namespace tamis::vulkan
