#include "backends/vulkan/timeline.h"

#include <algorithm>

namespace tamis::vulkan {
namespace {

constexpr std::uint32_t kPoolSlots = 64;

}  // namespace

Result<std::shared_ptr<Timeline>> Timeline::create(std::shared_ptr<Gpu> gpu) {
  std::shared_ptr<Timeline> timeline(new Timeline(std::move(gpu)));
  VkSemaphoreTypeCreateInfo type{};
  type.sType = VK_STRUCTURE_TYPE_SEMAPHORE_TYPE_CREATE_INFO;
  type.semaphoreType = VK_SEMAPHORE_TYPE_TIMELINE;
  VkSemaphoreCreateInfo info{};
  info.sType = VK_STRUCTURE_TYPE_SEMAPHORE_CREATE_INFO;
  info.pNext = &type;
  const Gpu& owner = *timeline->gpu_;
  TAMIS_RETURN_IF_ERROR(check(owner.vk.vkCreateSemaphore(owner.device, &info, nullptr, &timeline->semaphore_),
                              "vkCreateSemaphore"));
  return timeline;
}

Timeline::~Timeline() {
  if (semaphore_ != VK_NULL_HANDLE) gpu_->vk.vkDestroySemaphore(gpu_->device, semaphore_, nullptr);
}

Status Timeline::wait(std::uint64_t value) {
  if (value <= completed_) return {};
  TAMIS_RETURN_IF_ERROR(gpu_->alive());  // it might never be reached
  VkSemaphoreWaitInfo info{};
  info.sType = VK_STRUCTURE_TYPE_SEMAPHORE_WAIT_INFO;
  info.semaphoreCount = 1;
  info.pSemaphores = &semaphore_;
  info.pValues = &value;
  TAMIS_RETURN_IF_ERROR(
      gpu_->note(gpu_->vk.vkWaitSemaphores(gpu_->device, &info, UINT64_MAX), "vkWaitSemaphores"));
  completed_ = std::max(completed_, value);
  return {};
}

Timestamps::~Timestamps() {
  for (VkQueryPool pool : pools_) gpu_->vk.vkDestroyQueryPool(gpu_->device, pool, nullptr);
}

Result<Timestamps::Slot> Timestamps::take() {
  if (free_.empty()) {
    VkQueryPoolCreateInfo info{};
    info.sType = VK_STRUCTURE_TYPE_QUERY_POOL_CREATE_INFO;
    info.queryType = VK_QUERY_TYPE_TIMESTAMP;
    info.queryCount = kPoolSlots;
    VkQueryPool pool = VK_NULL_HANDLE;
    TAMIS_RETURN_IF_ERROR(
        check(gpu_->vk.vkCreateQueryPool(gpu_->device, &info, nullptr, &pool), "vkCreateQueryPool"));
    pools_.push_back(pool);
    for (std::uint32_t i = 0; i < kPoolSlots; ++i) free_.push_back({pool, i});
  }
  const Slot slot = free_.back();
  free_.pop_back();
  return slot;
}

Result<std::uint64_t> Timestamps::read(const Slot& slot) const {
  std::uint64_t ticks = 0;
  const VkResult result = gpu_->vk.vkGetQueryPoolResults(
      gpu_->device, slot.pool, slot.index, 1, sizeof(ticks), &ticks, sizeof(ticks), VK_QUERY_RESULT_64_BIT);
  if (result == VK_NOT_READY) return invalid_argument("vulkan: elapsed_seconds: an event has not come yet");
  TAMIS_RETURN_IF_ERROR(gpu_->note(result, "vkGetQueryPoolResults"));
  const std::uint32_t bits = gpu_->physical.timestamp_bits;
  return bits < 64 ? ticks & ((std::uint64_t{1} << bits) - 1) : ticks;
}

}  // namespace tamis::vulkan
