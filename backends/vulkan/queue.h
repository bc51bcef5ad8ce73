// An in-order stream of Vulkan work. Calls record into a command buffer, which is submitted at sync(), before
// a replay, at an event, and when it grows long. Everything a kernel or a transfer touches is declared when
// it is recorded, and a barrier is placed where that conflicts with something since the last one: kernels
// that do not depend on each other may overlap.
#pragma once

#include <vector>

#include "backends/vulkan/recording.h"
#include "backends/vulkan/timeline.h"
#include "core/backend/kernel_table.h"

namespace tamis::vulkan {

class VulkanQueue final : public Queue {
 public:
  static Result<std::unique_ptr<Queue>> create(std::shared_ptr<Gpu> gpu);
  ~VulkanQueue() override;

  Status upload(Buffer& dst, std::int64_t offset, std::span<const std::byte> src) override;
  // `dst` is written by the next sync().
  Status download(std::span<std::byte> dst, Buffer& src, std::int64_t offset) override;
  Status copy(Buffer& dst, std::int64_t dst_offset, Buffer& src, std::int64_t src_offset,
              std::int64_t bytes) override;
  Status fill(Buffer& dst, std::int64_t offset, std::int64_t bytes, std::uint8_t value) override;
  Result<std::unique_ptr<Event>> record_event() override;
  Status wait_event(Event& event) override;
  Result<double> elapsed_seconds(Event& begin, Event& end) override;
  Status sync() override;
  Status begin_capture() override;
  Result<std::unique_ptr<Capture>> end_capture() override;
  Status replay(Capture& capture) override;

  // For kernel rows (launch.h). First what the launch touches, by the roles of its operands …
  Status begin_launch(const OpCall& call, const Scratch& scratch);
  // … then its dispatches. `groups` work groups, numbered as in shaders/common/group.glsl. Arguments beyond
  // 128 bytes go to memory, and the push constant is their address.
  template <class Arguments>
  Status dispatch(const Kernel& kernel, const Arguments& arguments, std::int64_t groups) {
    static_assert(std::is_trivially_copyable_v<Arguments>);
    return target()->dispatch(kernel, std::as_bytes(std::span(&arguments, 1)), groups);
  }
  // A copy of `data`, which dispatches read beside their arguments, as long-lived as the recorded work. Its
  // device address.
  Result<std::uint64_t> store(std::span<const std::byte> data);
  // Between dispatches of one launch, where one reads what another wrote.
  void barrier() { target()->barrier_within(); }

 private:
  struct Download {
    std::byte* to;
    std::int64_t staged;  // offset in the staging memory
    std::int64_t bytes;
  };
  // A submitted recording; free again when the timeline has reached `value`.
  struct Running {
    std::unique_ptr<Recording> recording;
    std::uint64_t value;
  };

  explicit VulkanQueue(std::shared_ptr<Gpu> gpu) : gpu_(std::move(gpu)) {}
  Recording* target() { return capturing_ != nullptr ? capturing_.get() : current_.get(); }
  Status open_target();
  Result<std::unique_ptr<Recording>> free_recording();
  Status submit_current(Recording* then);
  Status submit(const Recording* first, const Recording* second);
  Status flush();
  void finish_downloads();
  Result<std::int64_t> stage(std::int64_t bytes);
  Status fill_edge(VulkanBuffer& dst, std::int64_t offset, std::int64_t bytes, std::uint8_t value);

  std::shared_ptr<Gpu> gpu_;
  std::shared_ptr<Timeline> timeline_;
  std::shared_ptr<Timestamps> timestamps_;
  std::unique_ptr<Recording> current_;
  std::vector<Running> running_;
  std::vector<std::unique_ptr<Recording>> free_;
  std::unique_ptr<Recording> capturing_;
  std::vector<LoggedLaunch> captured_launches_;
  Allocation staging_;
  std::int64_t staged_ = 0;
  std::vector<Download> downloads_;
  Status failed_;                 // of a submission, for the next sync
  std::vector<Access> accesses_;  // of the launch being declared; kept for its memory
  std::vector<VkSemaphore> wait_semaphores_;
  std::vector<std::uint64_t> wait_values_;
  std::vector<std::shared_ptr<Timeline>> awaited_;  // alive until the waits are over
};

// Work that replay() submits again and again.
class VulkanCapture final : public Capture {
 public:
  ~VulkanCapture() override { static_cast<void>(timeline->wait(last_run)); }

  std::shared_ptr<Timeline> timeline;
  std::unique_ptr<Recording> recording;
  std::vector<LoggedLaunch> launches;
  std::uint64_t last_run = 0;  // timeline value of the last replay
};

}  // namespace tamis::vulkan
