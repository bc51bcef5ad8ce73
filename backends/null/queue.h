// Buffer and Queue of the null device. Work is done when a call returns, so events are times and sync() has
// nothing to wait for. A backend with hardware enqueues instead, and reports what went wrong from the next
// sync().
#pragma once

#include <chrono>
#include <memory>

#include "core/backend/backend_api.h"

namespace tamis::null {

class NullBuffer final : public Buffer {
 public:
  NullBuffer(std::int64_t bytes, std::unique_ptr<std::byte[]> memory)
      : Buffer(bytes), memory_(std::move(memory)) {}
  std::byte* host() override { return nullptr; }  // device memory: only queues and kernels reach it
  std::byte* device() { return memory_.get(); }

 private:
  std::unique_ptr<std::byte[]> memory_;
};

class NullQueue final : public Queue {
 public:
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

 private:
  struct NullEvent final : Event {
    std::chrono::steady_clock::time_point time;
  };
  struct NullCapture final : Capture {};  // with kernels: what was launched, in order

  bool capturing_ = false;
};

}  // namespace tamis::null
