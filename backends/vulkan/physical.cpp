#include "backends/vulkan/physical.h"

#include <algorithm>
#include <cstring>

namespace tamis::vulkan {
namespace {

// One required feature: where it is reported, and its name in messages.
struct Requirement {
  const char* name;
  VkBool32* (*flag)(RequiredFeatures&);
};

constexpr Requirement kRequirements[] = {
    {"shaderInt64", [](RequiredFeatures& f) { return &f.core.features.shaderInt64; }},
    {"storageBuffer16BitAccess", [](RequiredFeatures& f) { return &f.v11.storageBuffer16BitAccess; }},
    {"storageBuffer8BitAccess", [](RequiredFeatures& f) { return &f.v12.storageBuffer8BitAccess; }},
    {"bufferDeviceAddress", [](RequiredFeatures& f) { return &f.v12.bufferDeviceAddress; }},
    {"timelineSemaphore", [](RequiredFeatures& f) { return &f.v12.timelineSemaphore; }},
};

constexpr std::uint32_t kThreads = 256;  // of the largest work group of shaders/

struct Properties {
  VkPhysicalDeviceProperties2 core{};
  VkPhysicalDeviceDriverProperties driver{};
  VkPhysicalDeviceIDProperties id{};
  VkPhysicalDeviceSubgroupProperties subgroup{};
  VkPhysicalDeviceMaintenance3Properties maintenance3{};
  VkPhysicalDeviceSubgroupSizeControlProperties subgroup_sizes{};

  // Without subgroup_sizes, which only a device with the extension may be asked for.
  Properties() {
    core.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_PROPERTIES_2;
    driver.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_DRIVER_PROPERTIES;
    id.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_ID_PROPERTIES;
    subgroup.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_SUBGROUP_PROPERTIES;
    maintenance3.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_MAINTENANCE_3_PROPERTIES;
    subgroup_sizes.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_SUBGROUP_SIZE_CONTROL_PROPERTIES;
    core.pNext = &driver;
    driver.pNext = &id;
    id.pNext = &subgroup;
    subgroup.pNext = &maintenance3;
  }
  Properties(const Properties&) = delete;
  Properties& operator=(const Properties&) = delete;
};

Result<std::vector<VkExtensionProperties>> device_extensions(const InstanceApi& vk, VkPhysicalDevice handle) {
  std::uint32_t count = 0;
  TAMIS_RETURN_IF_ERROR(check(vk.vkEnumerateDeviceExtensionProperties(handle, nullptr, &count, nullptr),
                              "vkEnumerateDeviceExtensionProperties"));
  std::vector<VkExtensionProperties> found(count);
  if (count > 0) {
    TAMIS_RETURN_IF_ERROR(
        check(vk.vkEnumerateDeviceExtensionProperties(handle, nullptr, &count, found.data()),
              "vkEnumerateDeviceExtensionProperties"));
  }
  return found;
}

bool has_extension(const std::vector<VkExtensionProperties>& all, const char* name) {
  return std::any_of(all.begin(), all.end(), [&](const VkExtensionProperties& extension) {
    return std::strcmp(extension.extensionName, name) == 0;
  });
}

// A family with compute; one without graphics if there is such (its work does not queue behind a desktop).
Status find_queue_family(const InstanceApi& vk, Physical& physical) {
  std::uint32_t count = 0;
  vk.vkGetPhysicalDeviceQueueFamilyProperties(physical.handle, &count, nullptr);
  std::vector<VkQueueFamilyProperties> families(count);
  vk.vkGetPhysicalDeviceQueueFamilyProperties(physical.handle, &count, families.data());
  bool found = false;
  for (std::uint32_t i = 0; i < count; ++i) {
    if ((families[i].queueFlags & VK_QUEUE_COMPUTE_BIT) == 0 || families[i].queueCount == 0) continue;
    const bool graphics = (families[i].queueFlags & VK_QUEUE_GRAPHICS_BIT) != 0;
    if (found && graphics) continue;
    physical.queue_family = i;
    physical.timestamp_bits = families[i].timestampValidBits;
    found = true;
    if (!graphics) break;
  }
  return found ? Status() : unsupported("{}: no queue with compute", physical.info.name);
}

Status find_heap(const InstanceApi& vk, Physical& physical) {
  VkPhysicalDeviceMemoryProperties2 memory{};
  memory.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_MEMORY_PROPERTIES_2;
  vk.vkGetPhysicalDeviceMemoryProperties2(physical.handle, &memory);
  physical.memory = memory.memoryProperties;
  for (std::uint32_t i = 0; i < physical.memory.memoryHeapCount; ++i) {
    const VkMemoryHeap& heap = physical.memory.memoryHeaps[i];
    const auto bytes = static_cast<std::int64_t>(heap.size);
    if ((heap.flags & VK_MEMORY_HEAP_DEVICE_LOCAL_BIT) == 0 || bytes <= physical.heap_bytes) continue;
    physical.heap_bytes = bytes;
    physical.heap = i;
  }
  physical.info.memory_bytes = physical.heap_bytes;
  return physical.heap_bytes > 0 ? Status() : unsupported("{}: no device-local memory", physical.info.name);
}

std::string version_text(std::uint32_t version) {
  return fmt::format("{}.{}.{}", VK_API_VERSION_MAJOR(version), VK_API_VERSION_MINOR(version),
                     VK_API_VERSION_PATCH(version));
}

// Subgroup sizes: one number where the driver does not say that it may vary.
void describe_subgroups(const Properties& properties, bool varies, Physical& physical) {
  std::uint32_t least = properties.subgroup.subgroupSize, most = least;
  if (varies) {
    least = properties.subgroup_sizes.minSubgroupSize;
    most = properties.subgroup_sizes.maxSubgroupSize;
    physical.info.features |= kSubgroupSizeControl;
  }
  if (least <= 32 && 32 <= most) physical.info.features |= kWave32;
  if (least <= 64 && 64 <= most) physical.info.features |= kWave64;
  physical.info.driver =
      fmt::format("{} {}, Vulkan {}, subgroups of {}", properties.driver.driverName,
                  properties.driver.driverInfo, version_text(properties.core.properties.apiVersion),
                  least == most ? fmt::format("{}", least) : fmt::format("{} to {}", least, most));
}

PipelineCacheKey cache_key_of(const Properties& properties) {
  PipelineCacheKey key;
  std::memcpy(key.driver.data(), properties.id.driverUUID, key.driver.size());
  std::memcpy(key.pipelines.data(), properties.core.properties.pipelineCacheUUID, key.pipelines.size());
  key.vendor = properties.core.properties.vendorID;
  key.device = properties.core.properties.deviceID;
  key.driver_version = properties.core.properties.driverVersion;
  return key;
}

// Arithmetic on small types, as bits of DeviceInfo::features. Asked of extensions and of Vulkan 1.3.
Status describe_arithmetic(const InstanceApi& vk, const std::vector<VkExtensionProperties>& extensions,
                           Physical& physical) {
  RequiredFeatures features;
  VkPhysicalDeviceShaderIntegerDotProductProperties dot{};
  dot.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_SHADER_INTEGER_DOT_PRODUCT_PROPERTIES;
  const bool sizes = has_extension(extensions, VK_EXT_SUBGROUP_SIZE_CONTROL_EXTENSION_NAME);
  const bool matrices = sizes && has_extension(extensions, kCooperativeMatrixExtension);
  if (matrices) features.chain_matrices();
  if (has_extension(extensions, kShaderBf16Extension)) features.chain_bf16();
  vk.vkGetPhysicalDeviceFeatures2(physical.handle, &features.core);
  std::uint64_t& bits = physical.info.features;
  if (features.v12.shaderFloat16 != VK_FALSE) bits |= kShaderF16;
  if (features.v12.shaderInt8 != VK_FALSE) bits |= kShaderInt8;
  if (features.bf16.shaderBFloat16Type != VK_FALSE) bits |= kShaderBf16;
  if (has_extension(extensions, VK_KHR_SHADER_INTEGER_DOT_PRODUCT_EXTENSION_NAME)) {
    VkPhysicalDeviceProperties2 properties{};
    properties.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_PROPERTIES_2;
    properties.pNext = &dot;
    vk.vkGetPhysicalDeviceProperties2(physical.handle, &properties);
    if (dot.integerDotProduct4x8BitPackedSignedAccelerated != VK_FALSE) bits |= kIntegerDot;
  }
  if (!matrices || !features.has_matrices()) return {};
  TAMIS_ASSIGN_OR_RETURN(const CooperativeMatrices found, cooperative_matrices(vk, physical.handle));
  physical.cooperative_matrices = true;
  physical.info.matrices = found.shapes;
  bits |= found.features;
  physical.bf16_matrices = features.bf16.shaderBFloat16CooperativeMatrix != VK_FALSE;
  if (!physical.bf16_matrices) bits &= ~std::uint64_t{kCoopmatBf16};
  return {};
}

}  // namespace

RequiredFeatures::RequiredFeatures() {
  core.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_FEATURES_2;
  v11.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_VULKAN_1_1_FEATURES;
  v12.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_VULKAN_1_2_FEATURES;
  core.pNext = &v11;
  v11.pNext = &v12;
}

void RequiredFeatures::chain_matrices() {
  subgroup_sizes.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_SUBGROUP_SIZE_CONTROL_FEATURES;
  v12.pNext = &subgroup_sizes;
  subgroup_sizes.pNext = &matrices;
}

void RequiredFeatures::chain_bf16() {
  bf16.pNext = v12.pNext;
  v12.pNext = &bf16;
}

void RequiredFeatures::set_matrices() {
  v12.vulkanMemoryModel = v12.shaderFloat16 = VK_TRUE;
  subgroup_sizes.subgroupSizeControl = subgroup_sizes.computeFullSubgroups = VK_TRUE;
  matrices.cooperativeMatrix = VK_TRUE;
}

bool RequiredFeatures::has_matrices() const {
  return v12.vulkanMemoryModel != VK_FALSE && v12.shaderFloat16 != VK_FALSE &&
         subgroup_sizes.subgroupSizeControl != VK_FALSE && subgroup_sizes.computeFullSubgroups != VK_FALSE &&
         matrices.cooperativeMatrix != VK_FALSE;
}

void RequiredFeatures::set_required() {
  for (const Requirement& requirement : kRequirements) *requirement.flag(*this) = VK_TRUE;
}

Result<Physical> describe(const Instance& instance, VkPhysicalDevice handle) {
  const InstanceApi& vk = instance.vk();
  Physical physical;
  physical.handle = handle;
  Properties properties;
  vk.vkGetPhysicalDeviceProperties2(handle, &properties.core);
  DeviceInfo& info = physical.info;
  info.name = properties.core.properties.deviceName;
  info.backend = "vulkan";
  if (properties.core.properties.apiVersion < VK_API_VERSION_1_2) {
    return unsupported("{}: Vulkan {}, this backend needs 1.2", info.name,
                       version_text(properties.core.properties.apiVersion));
  }
  TAMIS_ASSIGN_OR_RETURN(const auto extensions, device_extensions(vk, handle));
  physical.memory_budget = has_extension(extensions, VK_EXT_MEMORY_BUDGET_EXTENSION_NAME);
  const bool varies = has_extension(extensions, VK_EXT_SUBGROUP_SIZE_CONTROL_EXTENSION_NAME);
  if (varies) {
    properties.maintenance3.pNext = &properties.subgroup_sizes;
    vk.vkGetPhysicalDeviceProperties2(handle, &properties.core);
  }
  RequiredFeatures features;
  vk.vkGetPhysicalDeviceFeatures2(handle, &features.core);
  for (const Requirement& requirement : kRequirements) {
    if (*requirement.flag(features) == VK_FALSE) return unsupported("{}: no {}", info.name, requirement.name);
  }
  physical.limits = properties.core.properties.limits;
  physical.cache_key = cache_key_of(properties);
  if (physical.limits.maxComputeWorkGroupInvocations < kThreads ||
      physical.limits.maxComputeWorkGroupSize[0] < kThreads)
    return unsupported("{}: no work groups of {} threads", info.name, kThreads);
  physical.software = properties.core.properties.deviceType == VK_PHYSICAL_DEVICE_TYPE_CPU;
  TAMIS_RETURN_IF_ERROR(find_queue_family(vk, physical));
  TAMIS_RETURN_IF_ERROR(find_heap(vk, physical));
  info.max_buffer_bytes = static_cast<std::int64_t>(properties.maintenance3.maxMemoryAllocationSize);
  info.local_memory_bytes = physical.limits.maxComputeSharedMemorySize;
  info.features |= kBufferAddress;
  describe_subgroups(properties, varies, physical);
  TAMIS_RETURN_IF_ERROR(describe_arithmetic(vk, extensions, physical).with_context(info.name));
  return physical;
}

}  // namespace tamis::vulkan
