// A Vulkan device as the planner sees it. The driver's device is opened when memory or a queue is first asked
// for: listing devices stays cheap.
#pragma once

#include "backends/vulkan/gpu.h"
#include "core/backend/backend_api.h"

namespace tamis::vulkan {

class VulkanDevice final : public Device {
 public:
  VulkanDevice(std::shared_ptr<Instance> instance, Physical physical)
      : instance_(std::move(instance)), physical_(std::move(physical)) {}

  const DeviceInfo& info() const override { return physical_.info; }
  std::int64_t free_bytes() const override;
  Result<std::shared_ptr<Buffer>> alloc(std::int64_t bytes) override;
  Result<std::shared_ptr<Buffer>> import_host(std::span<const std::byte> memory) override;
  Result<std::unique_ptr<Queue>> create_queue() override;
  // kQueueStats (core/backend/queue_stats.h).
  void* extension(const char* name) override;

 private:
  Result<std::shared_ptr<Gpu>> open();

  std::shared_ptr<Instance> instance_;
  Physical physical_;
  mutable std::mutex mutex_;
  std::shared_ptr<Gpu> gpu_;  // null until opened
};

// All devices that this backend can use, software ones last, or why there are none.
DeviceList enumerate_devices();

}  // namespace tamis::vulkan
