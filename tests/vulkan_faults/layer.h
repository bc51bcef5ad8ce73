// The Vulkan layer VK_LAYER_TAMIS_faults: passes everything on to the driver, but fails the calls that it is
// told to fail. A device that was reported lost stays so.
#pragma once

#include <atomic>

namespace tamis::vulkan_faults {

// A VkResult for one call.
struct Fault {
  std::atomic<int> in{-1};     // 0: the next call; -1: none
  std::atomic<int> result{0};  // what it returns without being passed on
};

struct Faults {
  Fault submit, wait, allocate;  // vkQueueSubmit, vkWaitSemaphores, vkAllocateMemory
};

inline constexpr const char* kLayer = "VK_LAYER_TAMIS_faults";
inline constexpr const char* kLibrary = "libtamis_vulkan_faults.so";
// `Faults* tamis_vulkan_faults()`, by dlsym.
inline constexpr const char* kEntry = "tamis_vulkan_faults";

// As in vulkan_core.h.
inline constexpr int kOutOfHostMemory = -1, kOutOfDeviceMemory = -2, kDeviceLost = -4;

}  // namespace tamis::vulkan_faults
