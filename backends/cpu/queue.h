// The CPU queue runs each launch at once on the calling thread (kernels use threads.h inside). Its capture is
// its launch list: while capturing, launches are noted and not run; replay runs the list without allocating.
#pragma once

#include <chrono>
#include <vector>

#include "core/backend/kernel_table.h"

namespace tamis::cpu {

// The work of a row: everything it needs lies in the call, which the plan keeps at a fixed address.
using ComputeFn = Status (*)(const OpCall& call, const Scratch& scratch);

class CpuQueue final : public Queue {
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

  Status submit(ComputeFn compute, const OpCall& call, const Scratch& scratch);

 private:
  struct Launch {
    ComputeFn compute;
    const OpCall* call;
    Scratch scratch;
  };
  struct CpuCapture final : Capture {
    std::vector<Launch> launches;
  };
  struct CpuEvent final : Event {
    std::chrono::steady_clock::time_point time;
  };

  std::unique_ptr<CpuCapture> capturing_;
};

// What every CPU row's launch does: `launch = cpu::launch<&compute>`.
template <ComputeFn compute>
Status launch(Queue& queue, const OpCall& call, const Scratch& scratch) {
  return static_cast<CpuQueue&>(queue).submit(compute, call, scratch);
}

}  // namespace tamis::cpu
