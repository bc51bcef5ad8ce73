#include "backends/vulkan/instance.h"

#include <dlfcn.h>

#include <algorithm>
#include <cstring>

#include "core/base/log.h"
#include "core/base/settings.h"

namespace tamis::vulkan {
namespace {

constexpr const char* kLoader = "libvulkan.so.1";
constexpr const char* kValidationLayer = "VK_LAYER_KHRONOS_validation";
constexpr std::size_t kKeptErrors = 16;  // a wrong shader may report one error per dispatch

}  // namespace

Result<std::shared_ptr<Instance>> Instance::create() {
  std::shared_ptr<Instance> instance(new Instance);
  TAMIS_RETURN_IF_ERROR(instance->open());
  return instance;
}

Status Instance::open() {
  // Never closed: drivers leave threads and exit handlers behind.
  void* loader = dlopen(kLoader, RTLD_NOW | RTLD_LOCAL);
  if (loader == nullptr) return not_found("no Vulkan loader: {} not found", kLoader);
  TAMIS_RETURN_IF_ERROR(load_api(loader, global_).with_context(kLoader));
  const bool validation = settings::vulkan_validation();
  TAMIS_RETURN_IF_ERROR(create_instance(validation));
  TAMIS_RETURN_IF_ERROR(load_api(global_, instance_, vk_).with_context(kLoader));
  return validation ? create_messenger() : Status();
}

bool Instance::has_layer(const char* name) const {
  std::uint32_t count = 0;
  if (global_.vkEnumerateInstanceLayerProperties(&count, nullptr) != VK_SUCCESS) return false;
  std::vector<VkLayerProperties> layers(count);
  if (global_.vkEnumerateInstanceLayerProperties(&count, layers.data()) != VK_SUCCESS) return false;
  return std::any_of(layers.begin(), layers.begin() + count,
                     [&](const VkLayerProperties& layer) { return std::strcmp(layer.layerName, name) == 0; });
}

Status Instance::create_instance(bool validation) {
  std::uint32_t version = 0;
  if (global_.vkEnumerateInstanceVersion(&version) != VK_SUCCESS || version < VK_API_VERSION_1_2) {
    return not_found("no Vulkan device: the loader is older than Vulkan 1.2");
  }
  if (validation && !has_layer(kValidationLayer)) {
    return not_found("no Vulkan device: TAMIS_VULKAN_VALIDATION is set and {} is not installed",
                     kValidationLayer);
  }
  VkApplicationInfo application{};
  application.sType = VK_STRUCTURE_TYPE_APPLICATION_INFO;
  application.pApplicationName = "tamis";
  application.apiVersion = VK_API_VERSION_1_2;
  const char* debug_utils = VK_EXT_DEBUG_UTILS_EXTENSION_NAME;
  VkInstanceCreateInfo info{};
  info.sType = VK_STRUCTURE_TYPE_INSTANCE_CREATE_INFO;
  info.pApplicationInfo = &application;
  if (validation) {
    info.enabledLayerCount = 1;
    info.ppEnabledLayerNames = &kValidationLayer;
    info.enabledExtensionCount = 1;
    info.ppEnabledExtensionNames = &debug_utils;
  }
  const VkResult result = global_.vkCreateInstance(&info, nullptr, &instance_);
  if (result == VK_ERROR_INCOMPATIBLE_DRIVER) return not_found("no Vulkan device: no driver is installed");
  return check(result, "vkCreateInstance").with_context("no Vulkan device");
}

// A messenger of its own: one chained to the instance's create info hears of creation and destruction only.
Status Instance::create_messenger() {
  if (vk_.vkCreateDebugUtilsMessengerEXT == nullptr) return not_found("no Vulkan device: no debug messenger");
  VkDebugUtilsMessengerCreateInfoEXT info{};
  info.sType = VK_STRUCTURE_TYPE_DEBUG_UTILS_MESSENGER_CREATE_INFO_EXT;
  info.messageSeverity =
      VK_DEBUG_UTILS_MESSAGE_SEVERITY_WARNING_BIT_EXT | VK_DEBUG_UTILS_MESSAGE_SEVERITY_ERROR_BIT_EXT;
  info.messageType =
      VK_DEBUG_UTILS_MESSAGE_TYPE_GENERAL_BIT_EXT | VK_DEBUG_UTILS_MESSAGE_TYPE_VALIDATION_BIT_EXT;
  info.pfnUserCallback = &Instance::on_message;
  info.pUserData = this;
  return check(vk_.vkCreateDebugUtilsMessengerEXT(instance_, &info, nullptr, &messenger_),
               "vkCreateDebugUtilsMessengerEXT");
}

VkBool32 Instance::on_message(VkDebugUtilsMessageSeverityFlagBitsEXT severity,
                              VkDebugUtilsMessageTypeFlagsEXT,
                              const VkDebugUtilsMessengerCallbackDataEXT* data, void* self) {
  const bool error = (severity & VK_DEBUG_UTILS_MESSAGE_SEVERITY_ERROR_BIT_EXT) != 0;
  log(error ? LogLevel::kError : LogLevel::kWarn, "vulkan validation: {}", data->pMessage);
  if (error) {
    auto& instance = *static_cast<Instance*>(self);
    const std::lock_guard lock(instance.mutex_);
    if (instance.errors_.size() < kKeptErrors) instance.errors_.emplace_back(data->pMessage);
  }
  return VK_FALSE;
}

Status Instance::take_validation_errors() {
  if (messenger_ == VK_NULL_HANDLE) return {};
  const std::lock_guard lock(mutex_);
  if (errors_.empty()) return {};
  std::string text;
  for (const std::string& error : errors_) text += "\n  " + error;
  errors_.clear();
  return internal_error("vulkan: the validation layer reports:{}", text);
}

Result<std::vector<VkPhysicalDevice>> Instance::physical_devices() const {
  std::uint32_t count = 0;
  TAMIS_RETURN_IF_ERROR(
      check(vk_.vkEnumeratePhysicalDevices(instance_, &count, nullptr), "vkEnumeratePhysicalDevices"));
  std::vector<VkPhysicalDevice> devices(count);
  if (count > 0) {
    TAMIS_RETURN_IF_ERROR(check(vk_.vkEnumeratePhysicalDevices(instance_, &count, devices.data()),
                                "vkEnumeratePhysicalDevices"));
  }
  return devices;
}

Instance::~Instance() {
  if (messenger_ != VK_NULL_HANDLE) vk_.vkDestroyDebugUtilsMessengerEXT(instance_, messenger_, nullptr);
  if (instance_ != VK_NULL_HANDLE && vk_.vkDestroyInstance != nullptr)
    vk_.vkDestroyInstance(instance_, nullptr);
}

}  // namespace tamis::vulkan
