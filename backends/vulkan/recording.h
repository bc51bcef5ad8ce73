// A command buffer being recorded, with what belongs to it: the accesses that decide on barriers, and the
// memory of arguments that do not fit into push constants. The queue has some for work that runs once, each
// capture has one that runs many times.
#pragma once

#include <span>

#include "backends/vulkan/hazards.h"
#include "backends/vulkan/memory.h"

namespace tamis::vulkan {

class Recording {
 public:
  enum class Use : std::uint8_t { kOnce, kManyTimes };
  static Result<std::unique_ptr<Recording>> create(std::shared_ptr<Gpu> gpu, Use use);
  ~Recording();
  Recording(const Recording&) = delete;
  Recording& operator=(const Recording&) = delete;

  // Empties it; not to be called while it runs. Recording starts with a barrier behind all earlier work.
  Status begin();
  Status end();
  bool open() const { return open_; }
  bool empty() const { return commands_ == 0; }
  int commands() const { return commands_; }
  VkCommandBuffer handle() const { return buffer_; }

  // One barrier if any of `accesses` conflicts with what was recorded since the last one; then they are kept.
  void declare(std::span<const Access> accesses);
  // A barrier in any case. What was declared last still counts as recorded: the same launch goes on.
  void barrier_within();

  Status dispatch(const Kernel& kernel, std::span<const std::byte> arguments, std::int64_t groups);
  void copy(VkBuffer from, VkBuffer to, const VkBufferCopy& range);
  void fill(VkBuffer buffer, VkDeviceSize offset, VkDeviceSize bytes, std::uint8_t value);
  void timestamp(VkQueryPool pool, std::uint32_t slot);
  // Makes what transfers wrote visible to the host once the work is done.
  void release_to_host();

  struct Arguments {
    VkBuffer buffer = VK_NULL_HANDLE;
    VkDeviceSize offset = 0;
    std::uint64_t address = 0;
  };
  // A copy of `bytes` that stays valid as long as what is recorded here may run.
  Result<Arguments> store(std::span<const std::byte> bytes);

 private:
  Recording(std::shared_ptr<Gpu> gpu, Use use) : gpu_(std::move(gpu)), use_(use) {}
  Status make_buffer();
  void begin_command(VkPipelineStageFlags stage);
  void end_command();
  void full_barrier(VkPipelineStageFlags to_stages, VkAccessFlags to_access);

  std::shared_ptr<Gpu> gpu_;
  Use use_;
  VkCommandPool pool_ = VK_NULL_HANDLE;
  VkCommandBuffer buffer_ = VK_NULL_HANDLE;
  bool open_ = false;
  int commands_ = 0;
  bool barrier_due_ = false;          // asked for, and recorded ahead of the next command
  VkPipelineStageFlags used_ = 0;     // by the commands since the last barrier
  VkPipelineStageFlags covered_ = 0;  // commands of these stages wait for what came before that barrier
  Hazards hazards_;
  std::vector<Access> current_;  // of the launch that was declared last
  std::vector<Allocation> blocks_;
  std::size_t block_ = 0;  // the one in use
  std::int64_t block_used_ = 0;
};

}  // namespace tamis::vulkan
