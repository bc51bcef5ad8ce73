// How far a queue's work has come: a counter that each submission raises. Captures and events hold it, too,
// so they may outlive their queue.
#pragma once

#include "backends/vulkan/gpu.h"
#include "core/backend/backend_api.h"

namespace tamis::vulkan {

class Timeline {
 public:
  static Result<std::shared_ptr<Timeline>> create(std::shared_ptr<Gpu> gpu);
  ~Timeline();
  Timeline(const Timeline&) = delete;
  Timeline& operator=(const Timeline&) = delete;

  VkSemaphore semaphore() const { return semaphore_; }
  Gpu& gpu() const { return *gpu_; }
  std::uint64_t submitted() const { return submitted_; }
  void set_submitted(std::uint64_t value) { submitted_ = value; }
  std::uint64_t completed() const { return completed_; }  // as of the last wait
  Status wait(std::uint64_t value);

 private:
  explicit Timeline(std::shared_ptr<Gpu> gpu) : gpu_(std::move(gpu)) {}

  std::shared_ptr<Gpu> gpu_;
  VkSemaphore semaphore_ = VK_NULL_HANDLE;
  std::uint64_t submitted_ = 0;
  std::uint64_t completed_ = 0;
};

// Slots for timestamps; an event has one.
class Timestamps {
 public:
  explicit Timestamps(std::shared_ptr<Gpu> gpu) : gpu_(std::move(gpu)) {}
  ~Timestamps();
  Timestamps(const Timestamps&) = delete;
  Timestamps& operator=(const Timestamps&) = delete;

  struct Slot {
    VkQueryPool pool = VK_NULL_HANDLE;
    std::uint32_t index = 0;
  };
  Result<Slot> take();
  void give_back(const Slot& slot) { free_.push_back(slot); }
  // kInvalidArgument while the work before it is not done.
  Result<std::uint64_t> read(const Slot& slot) const;

 private:
  std::shared_ptr<Gpu> gpu_;
  std::vector<VkQueryPool> pools_;
  std::vector<Slot> free_;
};

struct VulkanEvent final : Event {
  ~VulkanEvent() override {
    if (timestamps != nullptr) timestamps->give_back(slot);
  }

  std::shared_ptr<Timeline> timeline;
  std::uint64_t value = 0;                 // of the timeline when the event has come
  std::shared_ptr<Timestamps> timestamps;  // null on a queue without timestamps
  Timestamps::Slot slot;
};

}  // namespace tamis::vulkan
