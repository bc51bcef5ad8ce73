#include "backends/vulkan/gpu.h"

#include <algorithm>

#include "core/base/settings.h"

namespace tamis::vulkan {

Result<std::shared_ptr<Gpu>> Gpu::open(std::shared_ptr<Instance> instance, const Physical& physical) {
  auto gpu = std::make_shared<Gpu>(std::move(instance), physical);
  gpu->stats.full_barriers = settings::vulkan_full_barriers();
  RequiredFeatures features;
  features.set_required();
  if (physical.info.has(kShaderF16)) features.v12.shaderFloat16 = VK_TRUE;
  std::vector<const char*> extensions;
  if (physical.cooperative_matrices) {
    features.chain_matrices();
    features.set_matrices();
    extensions = {kCooperativeMatrixExtension, VK_EXT_SUBGROUP_SIZE_CONTROL_EXTENSION_NAME};
    if (physical.bf16_matrices) {
      features.chain_bf16();
      features.set_bf16();
      extensions.push_back(kShaderBf16Extension);
    }
  }
  const float priority = 1.0f;
  VkDeviceQueueCreateInfo queue{};
  queue.sType = VK_STRUCTURE_TYPE_DEVICE_QUEUE_CREATE_INFO;
  queue.queueFamilyIndex = physical.queue_family;
  queue.queueCount = 1;
  queue.pQueuePriorities = &priority;
  VkDeviceCreateInfo info{};
  info.sType = VK_STRUCTURE_TYPE_DEVICE_CREATE_INFO;
  info.pNext = &features.core;
  info.queueCreateInfoCount = 1;
  info.pQueueCreateInfos = &queue;
  info.enabledExtensionCount = static_cast<std::uint32_t>(extensions.size());
  info.ppEnabledExtensionNames = extensions.data();
  const InstanceApi& api = gpu->instance->vk();
  TAMIS_RETURN_IF_ERROR(
      check(api.vkCreateDevice(physical.handle, &info, nullptr, &gpu->device), "vkCreateDevice")
          .with_context(physical.info.name));
  TAMIS_RETURN_IF_ERROR(load_api(api, gpu->device, gpu->vk).with_context(physical.info.name));
  gpu->vk.vkGetDeviceQueue(gpu->device, physical.queue_family, 0, &gpu->queue_);
  TAMIS_ASSIGN_OR_RETURN(gpu->pipelines, Pipelines::create(gpu->vk, gpu->device, physical.cache_key));
  return gpu;
}

Gpu::~Gpu() {
  pipelines.reset();
  if (device != VK_NULL_HANDLE && vk.vkDestroyDevice != nullptr) vk.vkDestroyDevice(device, nullptr);
}

std::int64_t Gpu::free_bytes() const {
  if (!physical.memory_budget) return std::max<std::int64_t>(0, physical.heap_bytes - allocated_bytes);
  VkPhysicalDeviceMemoryBudgetPropertiesEXT budget{};
  budget.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_MEMORY_BUDGET_PROPERTIES_EXT;
  VkPhysicalDeviceMemoryProperties2 memory{};
  memory.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_MEMORY_PROPERTIES_2;
  memory.pNext = &budget;
  instance->vk().vkGetPhysicalDeviceMemoryProperties2(physical.handle, &memory);
  const VkDeviceSize total = budget.heapBudget[physical.heap], used = budget.heapUsage[physical.heap];
  return total > used ? static_cast<std::int64_t>(total - used) : 0;
}

Status Gpu::submit(const VkSubmitInfo& batch) {
  TAMIS_RETURN_IF_ERROR(alive());
  const std::lock_guard lock(submit_mutex_);
  ++stats.submits;
  return note(vk.vkQueueSubmit(queue_, 1, &batch, VK_NULL_HANDLE), "vkQueueSubmit");
}

Status Gpu::note(VkResult result, const char* call) {
  if (result == VK_ERROR_DEVICE_LOST) lost_at_ = call;
  if (result == VK_SUCCESS) return {};
  return check(result, call).with_context("vulkan: " + physical.info.name);
}

Status Gpu::alive() const {
  const char* call = lost_at_;
  if (call == nullptr) return {};
  return {StatusCode::kDeviceLost,
          fmt::format("vulkan: {}: the device is lost since {}, and its memory with it", physical.info.name,
                      call)};
}

}  // namespace tamis::vulkan
