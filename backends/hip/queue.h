// A HIP stream. Work is enqueued and runs later; what goes wrong while it runs comes back from sync(), with
// the launches that may have caused it. What is wrong with a launch itself (its shape, its arguments) comes
// back at once.
#pragma once

#include <memory>
#include <vector>

#include "backends/gpu/queue.h"
#include "backends/hip/capture.h"
#include "backends/hip/staging.h"

namespace tamis::hip {

class HipQueue final : public gpu::GpuQueue {
 public:
  static Result<std::unique_ptr<HipQueue>> create(const DeviceInfo& device);
  ~HipQueue() override;

  Status upload(Buffer& dst, std::int64_t offset, std::span<const std::byte> src) override;
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

  Result<gpu::Stream> enter() override;
  Status submitted(gpu::Error error, const char* what) override;

  // Of the device: rows deal their work by it.
  int units() const { return units_; }

 private:
  explicit HipQueue(const DeviceInfo& device) : device_(device.index), units_(device.units) {}
  // Makes this queue's device the calling thread's.
  Status activate();
  Status submitted(hipError_t error, const char* what);
  // Waits and clears what waiting makes obsolete: the log and the staging memory.
  Status wait();

  int device_, units_;
  hipStream_t stream_ = nullptr;
  Staging staging_;
  bool capturing_ = false;
  std::vector<LoggedLaunch> captured_;
};

}  // namespace tamis::hip
