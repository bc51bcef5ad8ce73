// The Vulkan loader, one instance, and what the validation layer says.
#pragma once

#include <memory>
#include <mutex>
#include <vector>

#include "backends/vulkan/api.h"

namespace tamis::vulkan {

class Instance {
 public:
  // kNotFound without a loader or without a driver: why there is no device.
  static Result<std::shared_ptr<Instance>> create();
  ~Instance();
  Instance(const Instance&) = delete;
  Instance& operator=(const Instance&) = delete;

  const InstanceApi& vk() const { return vk_; }
  Result<std::vector<VkPhysicalDevice>> physical_devices() const;

  // The errors that the validation layer reported since the last call, as kInternal.
  Status take_validation_errors();

 private:
  Instance() = default;
  Status open();
  Status create_instance(bool validation);
  Status create_messenger();
  bool has_layer(const char* name) const;
  static VKAPI_ATTR VkBool32 VKAPI_CALL on_message(VkDebugUtilsMessageSeverityFlagBitsEXT severity,
                                                   VkDebugUtilsMessageTypeFlagsEXT types,
                                                   const VkDebugUtilsMessengerCallbackDataEXT* data,
                                                   void* self);

  GlobalApi global_;
  InstanceApi vk_;
  VkInstance instance_ = VK_NULL_HANDLE;
  VkDebugUtilsMessengerEXT messenger_ = VK_NULL_HANDLE;
  std::mutex mutex_;
  std::vector<std::string> errors_;
};

}  // namespace tamis::vulkan
