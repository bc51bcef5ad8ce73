// What a physical device can do: DeviceInfo for the planner, and what this backend needs of the driver.
#pragma once

#include "backends/vulkan/cooperative.h"
#include "backends/vulkan/instance.h"
#include "backends/vulkan/pipeline_cache.h"
#include "core/backend/device_info.h"

namespace tamis::vulkan {

struct Physical {
  VkPhysicalDevice handle = VK_NULL_HANDLE;
  DeviceInfo info;
  VkPhysicalDeviceLimits limits{};
  VkPhysicalDeviceMemoryProperties memory{};
  std::uint32_t queue_family = 0;
  std::uint32_t timestamp_bits = 0;
  bool software = false;        // a rasteriser on the CPU
  bool memory_budget = false;   // VK_EXT_memory_budget: the driver says how much is free
  std::int64_t heap_bytes = 0;  // of the heap that device memory comes from
  std::uint32_t heap = 0;
  PipelineCacheKey cache_key;  // without the shaders
  // What shaders with cooperative matrices need besides them: kCoopmatF16 and the like stand for all of it.
  bool cooperative_matrices = false;
  bool bf16_matrices = false;
};

// kUnsupported names the device and the first thing it lacks.
Result<Physical> describe(const Instance& instance, VkPhysicalDevice handle);

// The features that every device is opened with; describe() found them all.
struct RequiredFeatures {
  VkPhysicalDeviceFeatures2 core{};
  VkPhysicalDeviceVulkan11Features v11{};
  VkPhysicalDeviceVulkan12Features v12{};
  // Chained by chain_matrices(), for a device that has the extensions.
  VkPhysicalDeviceSubgroupSizeControlFeatures subgroup_sizes{};
  CooperativeMatrixFeatures matrices;
  ShaderBf16Features bf16;
  RequiredFeatures();  // the first three chained, none set
  RequiredFeatures(const RequiredFeatures&) = delete;
  RequiredFeatures& operator=(const RequiredFeatures&) = delete;
  void set_required();
  void chain_matrices();  // and subgroup sizes
  void chain_bf16();
  void set_matrices();  // everything that they need
  void set_bf16() { bf16.shaderBFloat16Type = bf16.shaderBFloat16CooperativeMatrix = VK_TRUE; }
  bool has_matrices() const;
};

}  // namespace tamis::vulkan
