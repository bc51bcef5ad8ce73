// Compute pipelines, made when first used and kept: one per shader and set of specialisation constants. All
// share one layout: no descriptors, since operands come as addresses, and 128 bytes of push constants (what
// every Vulkan device has).
#pragma once

#include <array>
#include <map>
#include <memory>
#include <mutex>
#include <span>

#include "backends/vulkan/api.h"

namespace tamis::vulkan {

inline constexpr std::size_t kPushBytes = 128;
inline constexpr std::size_t kMaxConstants = 8;

// What a row dispatches: shaders/<op>/<variant>.comp, with its specialisation constants 0, 1, ….
struct Kernel {
  std::string_view shader;  // "linear/portable"
  std::array<std::uint32_t, kMaxConstants> constants{};
  std::uint32_t subgroup = 0;  // the size that its subgroups must have, all of them full; 0: any

  auto operator<=>(const Kernel&) const = default;
};

// Whether this build has the shader: those of cooperative matrices need a newer compiler than the others.
bool has_shader(std::string_view name);

class Pipelines {
 public:
  static Result<std::unique_ptr<Pipelines>> create(const DeviceApi& vk, VkDevice device);
  ~Pipelines();
  Pipelines(const Pipelines&) = delete;
  Pipelines& operator=(const Pipelines&) = delete;

  VkPipelineLayout layout() const { return layout_; }
  Result<VkPipeline> find(const Kernel& kernel);

 private:
  Pipelines(const DeviceApi& vk, VkDevice device) : vk_(vk), device_(device) {}
  Result<VkPipeline> build(const Kernel& kernel) const;

  const DeviceApi& vk_;
  VkDevice device_;
  VkPipelineLayout layout_ = VK_NULL_HANDLE;
  std::mutex mutex_;
  std::map<Kernel, VkPipeline> pipelines_;
};

}  // namespace tamis::vulkan
