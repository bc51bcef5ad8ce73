// An opened device: its handles and entry points, shared by everything that is made from it. The last owner
// (device, buffer, queue, capture, event) closes it.
#pragma once

#include <memory>
#include <mutex>

#include "backends/vulkan/physical.h"
#include "backends/vulkan/pipelines.h"
#include "core/backend/queue_stats.h"

namespace tamis::vulkan {

struct Gpu {
  static Result<std::shared_ptr<Gpu>> open(std::shared_ptr<Instance> instance, const Physical& physical);
  Gpu(std::shared_ptr<Instance> owner, Physical described)
      : instance(std::move(owner)), physical(std::move(described)) {}
  ~Gpu();
  Gpu(const Gpu&) = delete;
  Gpu& operator=(const Gpu&) = delete;

  // Bytes that an allocation can count on: of the driver where it says so, else the heap less what is ours.
  std::int64_t free_bytes() const;
  // vkQueueSubmit of one batch. Queues of one device share a VkQueue.
  Status submit(const VkSubmitInfo& batch);
  // check() of a call that may find the device lost, which it is from then on for everybody: a driver may
  // answer other calls as if nothing had happened.
  Status note(VkResult result, const char* call);
  // kDeviceLost once it is lost.
  Status alive() const;

  std::shared_ptr<Instance> instance;
  Physical physical;
  VkDevice device = VK_NULL_HANDLE;
  DeviceApi vk;
  std::unique_ptr<Pipelines> pipelines;
  std::atomic<std::int64_t> allocated_bytes = 0;
  QueueStats stats;

 private:
  VkQueue queue_ = VK_NULL_HANDLE;
  std::mutex submit_mutex_;
  std::atomic<const char*> lost_at_ = nullptr;  // the call that found it lost
};

}  // namespace tamis::vulkan
