#include "backends/null/queue.h"

#include <cstring>

namespace tamis::null {
namespace {

// Offsets come from plans and tests alike: nothing outside the buffer is ever touched.
Result<std::byte*> range(const char* what, Buffer& buffer, std::int64_t offset, std::int64_t bytes) {
  if (offset < 0 || bytes < 0 || offset > buffer.bytes() || bytes > buffer.bytes() - offset) {
    return invalid_argument("null: {}: {} bytes at {} of a buffer of {}", what, bytes, offset,
                            buffer.bytes());
  }
  return static_cast<NullBuffer&>(buffer).device() + offset;
}

}  // namespace

Status NullQueue::upload(Buffer& dst, std::int64_t offset, std::span<const std::byte> src) {
  TAMIS_ASSIGN_OR_RETURN(std::byte * to, range("upload", dst, offset, static_cast<std::int64_t>(src.size())));
  if (!src.empty()) std::memcpy(to, src.data(), src.size());
  return {};
}

Status NullQueue::download(std::span<std::byte> dst, Buffer& src, std::int64_t offset) {
  TAMIS_ASSIGN_OR_RETURN(const std::byte* from,
                         range("download", src, offset, static_cast<std::int64_t>(dst.size())));
  if (!dst.empty()) std::memcpy(dst.data(), from, dst.size());
  return {};
}

Status NullQueue::copy(Buffer& dst, std::int64_t dst_offset, Buffer& src, std::int64_t src_offset,
                       std::int64_t bytes) {
  TAMIS_ASSIGN_OR_RETURN(std::byte * to, range("copy: destination", dst, dst_offset, bytes));
  TAMIS_ASSIGN_OR_RETURN(const std::byte* from, range("copy: source", src, src_offset, bytes));
  std::memmove(to, from, static_cast<std::size_t>(bytes));
  return {};
}

Status NullQueue::fill(Buffer& dst, std::int64_t offset, std::int64_t bytes, std::uint8_t value) {
  TAMIS_ASSIGN_OR_RETURN(std::byte * to, range("fill", dst, offset, bytes));
  std::memset(to, value, static_cast<std::size_t>(bytes));
  return {};
}

Result<std::unique_ptr<Event>> NullQueue::record_event() {
  auto event = std::make_unique<NullEvent>();
  event->time = std::chrono::steady_clock::now();
  return std::unique_ptr<Event>(std::move(event));
}

Status NullQueue::wait_event(Event&) { return {}; }

Result<double> NullQueue::elapsed_seconds(Event& begin, Event& end) {
  const auto elapsed = static_cast<NullEvent&>(end).time - static_cast<NullEvent&>(begin).time;
  return std::chrono::duration<double>(elapsed).count();
}

Status NullQueue::sync() { return {}; }

Status NullQueue::begin_capture() {
  if (capturing_) return invalid_argument("null: begin_capture: already capturing");
  capturing_ = true;
  return {};
}

Result<std::unique_ptr<Capture>> NullQueue::end_capture() {
  if (!capturing_) return invalid_argument("null: end_capture: not capturing");
  capturing_ = false;
  return std::unique_ptr<Capture>(std::make_unique<NullCapture>());
}

Status NullQueue::replay(Capture&) { return {}; }  // no kernels, so nothing was recorded

}  // namespace tamis::null
