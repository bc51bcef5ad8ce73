#include "tests/vulkan_faults/layer.h"

#include <vulkan/vk_layer.h>

#include <cstring>
#include <map>
#include <mutex>

namespace tamis::vulkan_faults {
namespace {

static_assert(kOutOfHostMemory == VK_ERROR_OUT_OF_HOST_MEMORY);
static_assert(kOutOfDeviceMemory == VK_ERROR_OUT_OF_DEVICE_MEMORY && kDeviceLost == VK_ERROR_DEVICE_LOST);

Faults faults;

struct NextDevice {
  VkDevice device = VK_NULL_HANDLE;
  PFN_vkGetDeviceProcAddr get = nullptr;
  bool lost = false;

  template <class Function>
  Function function(const char* name) const {
    return reinterpret_cast<Function>(get(device, name));
  }
};

std::mutex mutex;
std::map<void*, PFN_vkGetInstanceProcAddr> instances;
std::map<void*, NextDevice> devices;

// The loader's table, which a device and its queues share.
template <class Handle>
void* key_of(Handle handle) {
  return *reinterpret_cast<void**>(handle);
}

template <class Handle>
NextDevice next_device(Handle handle) {
  const std::lock_guard lock(mutex);
  return devices.at(key_of(handle));
}

// What to return in place of passing the call on, VK_SUCCESS: pass it on.
template <class Handle>
VkResult fault_of(Handle handle, Fault& fault) {
  const NextDevice next = next_device(handle);
  if (next.lost) return VK_ERROR_DEVICE_LOST;
  if (fault.in.load() < 0 || fault.in.fetch_sub(1) != 0) return VK_SUCCESS;
  const auto result = static_cast<VkResult>(fault.result.load());
  if (result == VK_ERROR_DEVICE_LOST) {
    // Work of a lost device counts as done; here it must be, before its owner frees what it works on.
    next.function<PFN_vkDeviceWaitIdle>("vkDeviceWaitIdle")(next.device);
    const std::lock_guard lock(mutex);
    devices.at(key_of(handle)).lost = true;
  }
  return result;
}

VKAPI_ATTR VkResult VKAPI_CALL queue_submit(VkQueue queue, std::uint32_t count, const VkSubmitInfo* submits,
                                            VkFence fence) {
  if (const VkResult failed = fault_of(queue, faults.submit); failed != VK_SUCCESS) return failed;
  return next_device(queue).function<PFN_vkQueueSubmit>("vkQueueSubmit")(queue, count, submits, fence);
}

VKAPI_ATTR VkResult VKAPI_CALL wait_semaphores(VkDevice device, const VkSemaphoreWaitInfo* info,
                                               std::uint64_t timeout) {
  if (const VkResult failed = fault_of(device, faults.wait); failed != VK_SUCCESS) return failed;
  return next_device(device).function<PFN_vkWaitSemaphores>("vkWaitSemaphores")(device, info, timeout);
}

VKAPI_ATTR VkResult VKAPI_CALL allocate_memory(VkDevice device, const VkMemoryAllocateInfo* info,
                                               const VkAllocationCallbacks* allocator,
                                               VkDeviceMemory* memory) {
  const NextDevice next = next_device(device);
  // A lost device may well have memory to give.
  if (!next.lost) {
    if (const VkResult failed = fault_of(device, faults.allocate); failed != VK_SUCCESS) return failed;
  }
  return next.function<PFN_vkAllocateMemory>("vkAllocateMemory")(device, info, allocator, memory);
}

// The next element of the chain that the loader hands to layers, taken off it.
template <class Link, class CreateInfo>
Link* take_link(const CreateInfo* info, VkStructureType type) {
  auto* link = static_cast<Link*>(const_cast<void*>(info->pNext));
  while (link != nullptr && (link->sType != type || link->function != VK_LAYER_LINK_INFO))
    link = static_cast<Link*>(const_cast<void*>(link->pNext));
  return link;
}

VKAPI_ATTR VkResult VKAPI_CALL create_instance(const VkInstanceCreateInfo* info,
                                               const VkAllocationCallbacks* allocator, VkInstance* instance) {
  auto* link = take_link<VkLayerInstanceCreateInfo>(info, VK_STRUCTURE_TYPE_LOADER_INSTANCE_CREATE_INFO);
  if (link == nullptr) return VK_ERROR_INITIALIZATION_FAILED;
  const PFN_vkGetInstanceProcAddr get = link->u.pLayerInfo->pfnNextGetInstanceProcAddr;
  link->u.pLayerInfo = link->u.pLayerInfo->pNext;
  const auto create = reinterpret_cast<PFN_vkCreateInstance>(get(VK_NULL_HANDLE, "vkCreateInstance"));
  const VkResult result = create(info, allocator, instance);
  if (result != VK_SUCCESS) return result;
  const std::lock_guard lock(mutex);
  instances[key_of(*instance)] = get;
  return VK_SUCCESS;
}

VKAPI_ATTR VkResult VKAPI_CALL create_device(VkPhysicalDevice physical, const VkDeviceCreateInfo* info,
                                             const VkAllocationCallbacks* allocator, VkDevice* device) {
  auto* link = take_link<VkLayerDeviceCreateInfo>(info, VK_STRUCTURE_TYPE_LOADER_DEVICE_CREATE_INFO);
  if (link == nullptr) return VK_ERROR_INITIALIZATION_FAILED;
  const VkLayerDeviceLink& next = *link->u.pLayerInfo;
  link->u.pLayerInfo = next.pNext;
  const auto create =
      reinterpret_cast<PFN_vkCreateDevice>(next.pfnNextGetInstanceProcAddr(VK_NULL_HANDLE, "vkCreateDevice"));
  const VkResult result = create(physical, info, allocator, device);
  if (result != VK_SUCCESS) return result;
  const std::lock_guard lock(mutex);
  devices[key_of(*device)] = {*device, next.pfnNextGetDeviceProcAddr, false};
  return VK_SUCCESS;
}

VKAPI_ATTR void VKAPI_CALL destroy_device(VkDevice device, const VkAllocationCallbacks* allocator) {
  void* const key = key_of(device);
  next_device(device).function<PFN_vkDestroyDevice>("vkDestroyDevice")(device, allocator);
  const std::lock_guard lock(mutex);
  devices.erase(key);
}

PFN_vkVoidFunction find_own(const char* name);

VKAPI_ATTR PFN_vkVoidFunction VKAPI_CALL get_device_address(VkDevice device, const char* name) {
  const PFN_vkVoidFunction own = find_own(name);
  return own != nullptr ? own : next_device(device).get(device, name);
}

VKAPI_ATTR PFN_vkVoidFunction VKAPI_CALL get_instance_address(VkInstance instance, const char* name) {
  if (const PFN_vkVoidFunction own = find_own(name); own != nullptr) return own;
  if (instance == VK_NULL_HANDLE) return nullptr;
  const std::lock_guard lock(mutex);
  return instances.at(key_of(instance))(instance, name);
}

PFN_vkVoidFunction find_own(const char* name) {
  struct Entry {
    const char* name;
    PFN_vkVoidFunction function;
  };
  const auto erased = [](auto function) { return reinterpret_cast<PFN_vkVoidFunction>(function); };
  const Entry entries[] = {{"vkGetInstanceProcAddr", erased(&get_instance_address)},
                           {"vkGetDeviceProcAddr", erased(&get_device_address)},
                           {"vkCreateInstance", erased(&create_instance)},
                           {"vkCreateDevice", erased(&create_device)},
                           {"vkDestroyDevice", erased(&destroy_device)},
                           {"vkQueueSubmit", erased(&queue_submit)},
                           {"vkWaitSemaphores", erased(&wait_semaphores)},
                           {"vkAllocateMemory", erased(&allocate_memory)}};
  for (const Entry& entry : entries) {
    if (std::strcmp(entry.name, name) == 0) return entry.function;
  }
  return nullptr;
}

}  // namespace
}  // namespace tamis::vulkan_faults

extern "C" {

__attribute__((visibility("default"))) tamis::vulkan_faults::Faults* tamis_vulkan_faults() {
  return &tamis::vulkan_faults::faults;
}

__attribute__((visibility("default"))) VKAPI_ATTR VkResult VKAPI_CALL
vkNegotiateLoaderLayerInterfaceVersion(VkNegotiateLayerInterface* pVersionStruct) {
  if (pVersionStruct->loaderLayerInterfaceVersion < 2) return VK_ERROR_INITIALIZATION_FAILED;
  pVersionStruct->loaderLayerInterfaceVersion = 2;
  pVersionStruct->pfnGetInstanceProcAddr = &tamis::vulkan_faults::get_instance_address;
  pVersionStruct->pfnGetDeviceProcAddr = &tamis::vulkan_faults::get_device_address;
  pVersionStruct->pfnGetPhysicalDeviceProcAddr = nullptr;
  return VK_SUCCESS;
}

}  // extern "C"
