// Compute pipelines, made when first used and kept: one per shader and set of specialisation constants. All
// share one layout: no descriptors, since operands come as addresses, and 128 bytes of push constants (what
// every Vulkan device has). The driver's cache of them outlives the process in a file (pipeline_cache.h).
#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <map>
#include <memory>
#include <mutex>
#include <span>

#include "backends/vulkan/api.h"
#include "backends/vulkan/pipeline_cache.h"

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
  static Result<std::unique_ptr<Pipelines>> create(const DeviceApi& vk, VkDevice device,
                                                   PipelineCacheKey key);
  ~Pipelines();
  Pipelines(const Pipelines&) = delete;
  Pipelines& operator=(const Pipelines&) = delete;

  VkPipelineLayout layout() const { return layout_; }
  Result<VkPipeline> find(const Kernel& kernel);
  // Writes the cache if there are new pipelines. Failure is logged and costs only the next start's time.
  void save();
  // The same, if the last time was some seconds ago: a server that is killed loses little.
  void save_if_due();

 private:
  Pipelines(const DeviceApi& vk, VkDevice device, const PipelineCacheKey& key);
  Status create_layout();
  void open_cache();
  Result<VkPipeline> build(const Kernel& kernel) const;
  void save_locked();
  Status write_cache() const;

  const DeviceApi& vk_;
  VkDevice device_;
  PipelineCacheFile file_;
  VkPipelineLayout layout_ = VK_NULL_HANDLE;
  VkPipelineCache cache_ = VK_NULL_HANDLE;  // null: without a file, or where the driver makes none
  std::mutex mutex_;
  std::map<Kernel, VkPipeline> pipelines_;
  std::atomic<bool> unsaved_ = false;
  std::chrono::steady_clock::time_point next_save_;
};

}  // namespace tamis::vulkan
