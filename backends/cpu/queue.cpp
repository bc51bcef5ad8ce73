#include "backends/cpu/queue.h"

#include <cstring>

#include "core/backend/check_range.h"

namespace tamis::cpu {
Status CpuQueue::upload(Buffer& dst, std::int64_t offset, std::span<const std::byte> src) {
  TAMIS_RETURN_IF_ERROR(check_range("upload", dst, offset, static_cast<std::int64_t>(src.size())));
  if (!src.empty()) std::memcpy(dst.host() + offset, src.data(), src.size());
  return {};
}

Status CpuQueue::download(std::span<std::byte> dst, Buffer& src, std::int64_t offset) {
  TAMIS_RETURN_IF_ERROR(check_range("download", src, offset, static_cast<std::int64_t>(dst.size())));
  if (!dst.empty()) std::memcpy(dst.data(), src.host() + offset, dst.size());
  return {};
}

Status CpuQueue::copy(Buffer& dst, std::int64_t dst_offset, Buffer& src, std::int64_t src_offset,
                      std::int64_t bytes) {
  TAMIS_RETURN_IF_ERROR(check_range("copy: destination", dst, dst_offset, bytes));
  TAMIS_RETURN_IF_ERROR(check_range("copy: source", src, src_offset, bytes));
  std::memmove(dst.host() + dst_offset, src.host() + src_offset, static_cast<std::size_t>(bytes));
  return {};
}

Status CpuQueue::fill(Buffer& dst, std::int64_t offset, std::int64_t bytes, std::uint8_t value) {
  TAMIS_RETURN_IF_ERROR(check_range("fill", dst, offset, bytes));
  std::memset(dst.host() + offset, value, static_cast<std::size_t>(bytes));
  return {};
}

Result<std::unique_ptr<Event>> CpuQueue::record_event() {
  auto event = std::make_unique<CpuEvent>();
  event->time = std::chrono::steady_clock::now();
  return std::unique_ptr<Event>(std::move(event));
}

Status CpuQueue::wait_event(Event&) { return {}; }  // work is done when submit() returns

Result<double> CpuQueue::elapsed_seconds(Event& begin, Event& end) {
  return std::chrono::duration<double>(static_cast<CpuEvent&>(end).time - static_cast<CpuEvent&>(begin).time)
      .count();
}

Status CpuQueue::sync() { return {}; }

Status CpuQueue::begin_capture() {
  if (capturing_ != nullptr) return invalid_argument("begin_capture: already capturing");
  capturing_ = std::make_unique<CpuCapture>();
  return {};
}

Result<std::unique_ptr<Capture>> CpuQueue::end_capture() {
  if (capturing_ == nullptr) return invalid_argument("end_capture: not capturing");
  return std::unique_ptr<Capture>(std::move(capturing_));
}

Status CpuQueue::replay(Capture& capture) {
  for (const Launch& launch : static_cast<CpuCapture&>(capture).launches) {
    TAMIS_RETURN_IF_ERROR(launch.compute(*launch.call, launch.scratch));
  }
  return {};
}

Status CpuQueue::submit(ComputeFn compute, const OpCall& call, const Scratch& scratch) {
  if (capturing_ == nullptr) return compute(call, scratch);
  capturing_->launches.push_back({compute, &call, scratch});
  return {};
}

}  // namespace tamis::cpu
