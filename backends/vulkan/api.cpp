#include "backends/vulkan/api.h"

#include <dlfcn.h>

namespace tamis::vulkan {
namespace {

std::string result_name(VkResult result) {
  switch (result) {
    case VK_NOT_READY: return "VK_NOT_READY";
    case VK_TIMEOUT: return "VK_TIMEOUT";
    case VK_INCOMPLETE: return "VK_INCOMPLETE";
    case VK_ERROR_OUT_OF_HOST_MEMORY: return "VK_ERROR_OUT_OF_HOST_MEMORY";
    case VK_ERROR_OUT_OF_DEVICE_MEMORY: return "VK_ERROR_OUT_OF_DEVICE_MEMORY";
    case VK_ERROR_INITIALIZATION_FAILED: return "VK_ERROR_INITIALIZATION_FAILED";
    case VK_ERROR_DEVICE_LOST: return "VK_ERROR_DEVICE_LOST";
    case VK_ERROR_MEMORY_MAP_FAILED: return "VK_ERROR_MEMORY_MAP_FAILED";
    case VK_ERROR_LAYER_NOT_PRESENT: return "VK_ERROR_LAYER_NOT_PRESENT";
    case VK_ERROR_EXTENSION_NOT_PRESENT: return "VK_ERROR_EXTENSION_NOT_PRESENT";
    case VK_ERROR_FEATURE_NOT_PRESENT: return "VK_ERROR_FEATURE_NOT_PRESENT";
    case VK_ERROR_INCOMPATIBLE_DRIVER: return "VK_ERROR_INCOMPATIBLE_DRIVER";
    case VK_ERROR_TOO_MANY_OBJECTS: return "VK_ERROR_TOO_MANY_OBJECTS";
    default: return fmt::format("VkResult {}", static_cast<int>(result));
  }
}

}  // namespace

Status load_api(void* loader, GlobalApi& api) {
  api.vkGetInstanceProcAddr =
      reinterpret_cast<PFN_vkGetInstanceProcAddr>(dlsym(loader, "vkGetInstanceProcAddr"));
  if (api.vkGetInstanceProcAddr == nullptr) return not_found("no entry point vkGetInstanceProcAddr");
#define TAMIS_VK_LOAD(name)                                                                  \
  api.name = reinterpret_cast<PFN_##name>(api.vkGetInstanceProcAddr(VK_NULL_HANDLE, #name)); \
  if (api.name == nullptr) return not_found("no entry point " #name);
  TAMIS_VK_GLOBAL(TAMIS_VK_LOAD)
#undef TAMIS_VK_LOAD
  return {};
}

Status load_api(const GlobalApi& global, VkInstance instance, InstanceApi& api) {
#define TAMIS_VK_LOAD(name) \
  api.name = reinterpret_cast<PFN_##name>(global.vkGetInstanceProcAddr(instance, #name));
#define TAMIS_VK_REQUIRE(name) \
  TAMIS_VK_LOAD(name)          \
  if (api.name == nullptr) return not_found("no entry point " #name);
  TAMIS_VK_INSTANCE(TAMIS_VK_REQUIRE)
  TAMIS_VK_LOAD(vkCreateDebugUtilsMessengerEXT)
  TAMIS_VK_LOAD(vkDestroyDebugUtilsMessengerEXT)
  api.get_cooperative_matrix_shapes = reinterpret_cast<decltype(api.get_cooperative_matrix_shapes)>(
      global.vkGetInstanceProcAddr(instance, "vkGetPhysicalDeviceCooperativeMatrixPropertiesKHR"));
#undef TAMIS_VK_REQUIRE
#undef TAMIS_VK_LOAD
  return {};
}

Status load_api(const InstanceApi& instance, VkDevice device, DeviceApi& api) {
#define TAMIS_VK_LOAD(name)                                                             \
  api.name = reinterpret_cast<PFN_##name>(instance.vkGetDeviceProcAddr(device, #name)); \
  if (api.name == nullptr) return not_found("no entry point " #name);
  TAMIS_VK_DEVICE(TAMIS_VK_LOAD)
#undef TAMIS_VK_LOAD
  return {};
}

Status check(VkResult result, const char* call) {
  if (result == VK_SUCCESS) return {};
  StatusCode code = StatusCode::kInternal;
  if (result == VK_ERROR_OUT_OF_DEVICE_MEMORY || result == VK_ERROR_OUT_OF_HOST_MEMORY ||
      result == VK_ERROR_TOO_MANY_OBJECTS)
    code = StatusCode::kOutOfMemory;
  if (result == VK_ERROR_DEVICE_LOST) code = StatusCode::kDeviceLost;
  return {code, fmt::format("{}: {}", call, result_name(result))};
}

}  // namespace tamis::vulkan
