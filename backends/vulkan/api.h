// Vulkan's entry points as tables of pointers: the loader is opened at run time, so nothing links to it.
#pragma once

#ifndef VK_NO_PROTOTYPES
#define VK_NO_PROTOTYPES
#endif
#include <vulkan/vulkan.h>

#include <string>

#include "core/base/status.h"

namespace tamis::vulkan {

struct CooperativeMatrixShape;  // backends/vulkan/cooperative.h

// Without an instance. The lists are in the order of use.
#define TAMIS_VK_GLOBAL(X)              \
  X(vkEnumerateInstanceVersion)         \
  X(vkEnumerateInstanceLayerProperties) \
  X(vkCreateInstance)

#define TAMIS_VK_INSTANCE(X)                  \
  X(vkDestroyInstance)                        \
  X(vkEnumeratePhysicalDevices)               \
  X(vkGetPhysicalDeviceProperties2)           \
  X(vkGetPhysicalDeviceFeatures2)             \
  X(vkGetPhysicalDeviceMemoryProperties2)     \
  X(vkGetPhysicalDeviceQueueFamilyProperties) \
  X(vkEnumerateDeviceExtensionProperties)     \
  X(vkCreateDevice)                           \
  X(vkGetDeviceProcAddr)

#define TAMIS_VK_DEVICE(X)         \
  X(vkDestroyDevice)               \
  X(vkGetDeviceQueue)              \
  X(vkCreateBuffer)                \
  X(vkDestroyBuffer)               \
  X(vkGetBufferMemoryRequirements) \
  X(vkAllocateMemory)              \
  X(vkFreeMemory)                  \
  X(vkBindBufferMemory)            \
  X(vkMapMemory)                   \
  X(vkGetBufferDeviceAddress)      \
  X(vkCreateShaderModule)          \
  X(vkDestroyShaderModule)         \
  X(vkCreatePipelineLayout)        \
  X(vkDestroyPipelineLayout)       \
  X(vkCreatePipelineCache)         \
  X(vkDestroyPipelineCache)        \
  X(vkGetPipelineCacheData)        \
  X(vkCreateComputePipelines)      \
  X(vkDestroyPipeline)             \
  X(vkCreateCommandPool)           \
  X(vkDestroyCommandPool)          \
  X(vkResetCommandPool)            \
  X(vkAllocateCommandBuffers)      \
  X(vkBeginCommandBuffer)          \
  X(vkEndCommandBuffer)            \
  X(vkCmdBindPipeline)             \
  X(vkCmdPushConstants)            \
  X(vkCmdDispatch)                 \
  X(vkCmdPipelineBarrier)          \
  X(vkCmdCopyBuffer)               \
  X(vkCmdFillBuffer)               \
  X(vkCmdResetQueryPool)           \
  X(vkCmdWriteTimestamp)           \
  X(vkCreateQueryPool)             \
  X(vkDestroyQueryPool)            \
  X(vkGetQueryPoolResults)         \
  X(vkCreateSemaphore)             \
  X(vkDestroySemaphore)            \
  X(vkWaitSemaphores)              \
  X(vkQueueSubmit)

#define TAMIS_VK_MEMBER(name) PFN_##name name = nullptr;
struct GlobalApi {
  PFN_vkGetInstanceProcAddr vkGetInstanceProcAddr = nullptr;
  TAMIS_VK_GLOBAL(TAMIS_VK_MEMBER)
};
struct InstanceApi {
  TAMIS_VK_INSTANCE(TAMIS_VK_MEMBER)
  // Null without VK_EXT_debug_utils.
  PFN_vkCreateDebugUtilsMessengerEXT vkCreateDebugUtilsMessengerEXT = nullptr;
  PFN_vkDestroyDebugUtilsMessengerEXT vkDestroyDebugUtilsMessengerEXT = nullptr;
  // vkGetPhysicalDeviceCooperativeMatrixPropertiesKHR; null where no driver has it.
  VkResult(VKAPI_PTR* get_cooperative_matrix_shapes)(VkPhysicalDevice, std::uint32_t*,
                                                     CooperativeMatrixShape*) = nullptr;
};
struct DeviceApi {
  TAMIS_VK_DEVICE(TAMIS_VK_MEMBER)
};
#undef TAMIS_VK_MEMBER

Status load_api(void* loader, GlobalApi& api);
Status load_api(const GlobalApi& global, VkInstance instance, InstanceApi& api);
Status load_api(const InstanceApi& instance, VkDevice device, DeviceApi& api);

// kOk for VK_SUCCESS; otherwise the code, and a message that names the call: "vkQueueSubmit:
// VK_ERROR_DEVICE_LOST".
Status check(VkResult result, const char* call);

}  // namespace tamis::vulkan
