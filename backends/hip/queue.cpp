#include "backends/hip/queue.h"

#include <cstring>

#include "backends/hip/buffer.h"

namespace tamis::hip {
namespace {

class HipEvent final : public Event {
 public:
  explicit HipEvent(hipEvent_t event) : event_(event) {}
  ~HipEvent() override { (void)hipEventDestroy(event_); }
  hipEvent_t get() const { return event_; }

 private:
  hipEvent_t event_;
};

}  // namespace

Result<std::unique_ptr<HipQueue>> HipQueue::create(const DeviceInfo& device) {
  std::unique_ptr<HipQueue> queue(new HipQueue(device));
  TAMIS_RETURN_IF_ERROR(queue->activate());
  TAMIS_RETURN_IF_ERROR(queue->staging_.allocate());
  const hipError_t error = hipStreamCreateWithFlags(&queue->stream_, hipStreamNonBlocking);
  TAMIS_RETURN_IF_ERROR(to_status(error, "hipStreamCreateWithFlags"));
  return queue;
}

HipQueue::~HipQueue() {
  if (stream_ == nullptr) return;
  (void)hipSetDevice(device_);
  (void)hipStreamSynchronize(stream_);  // the staging memory goes next
  (void)hipStreamDestroy(stream_);
}

Status HipQueue::activate() { return to_status(hipSetDevice(device_), "hipSetDevice"); }

Result<gpu::Stream> HipQueue::enter() {
  TAMIS_RETURN_IF_ERROR(activate());
  return static_cast<gpu::Stream>(stream_);
}

Status HipQueue::submitted(gpu::Error error, const char* what) {
  return submitted(static_cast<hipError_t>(error), what);
}

Status HipQueue::submitted(hipError_t error, const char* what) {
  TAMIS_RETURN_IF_ERROR(to_status(error, what));
  if (capturing_) {
    captured_.push_back(log().current());
  } else {
    log().note();
  }
  return {};
}

Status HipQueue::upload(Buffer& dst, std::int64_t offset, std::span<const std::byte> src) {
  const auto bytes = static_cast<std::int64_t>(src.size());
  TAMIS_ASSIGN_OR_RETURN(std::byte * to, range("upload", dst, offset, bytes));
  if (src.empty()) return {};
  if (capturing_) return invalid_argument(TAMIS_HIP_BACKEND ": upload: not while capturing");
  TAMIS_RETURN_IF_ERROR(activate());
  if (bytes <= Staging::kBytes) {
    std::byte* staged = staging_.take(bytes);
    if (staged == nullptr) {
      TAMIS_RETURN_IF_ERROR(wait());
      staged = staging_.take(bytes);
    }
    std::memcpy(staged, src.data(), src.size());
    return submitted(hipMemcpyAsync(to, staged, src.size(), hipMemcpyHostToDevice, stream_), "upload");
  }
  // Weights, at load: the caller's memory is read in place, so it has to be waited for.
  TAMIS_RETURN_IF_ERROR(
      submitted(hipMemcpyAsync(to, src.data(), src.size(), hipMemcpyHostToDevice, stream_), "upload"));
  return wait();
}

Status HipQueue::download(std::span<std::byte> dst, Buffer& src, std::int64_t offset) {
  TAMIS_ASSIGN_OR_RETURN(const std::byte* from,
                         range("download", src, offset, static_cast<std::int64_t>(dst.size())));
  if (dst.empty()) return {};
  if (capturing_) return invalid_argument(TAMIS_HIP_BACKEND ": download: not while capturing");
  TAMIS_RETURN_IF_ERROR(activate());
  return submitted(hipMemcpyAsync(dst.data(), from, dst.size(), hipMemcpyDeviceToHost, stream_), "download");
}

Status HipQueue::copy(Buffer& dst, std::int64_t dst_offset, Buffer& src, std::int64_t src_offset,
                      std::int64_t bytes) {
  TAMIS_ASSIGN_OR_RETURN(std::byte * to, range("copy: destination", dst, dst_offset, bytes));
  TAMIS_ASSIGN_OR_RETURN(const std::byte* from, range("copy: source", src, src_offset, bytes));
  if (bytes == 0) return {};
  TAMIS_RETURN_IF_ERROR(activate());
  const auto size = static_cast<std::size_t>(bytes);
  return submitted(hipMemcpyAsync(to, from, size, hipMemcpyDeviceToDevice, stream_), "copy");
}

Status HipQueue::fill(Buffer& dst, std::int64_t offset, std::int64_t bytes, std::uint8_t value) {
  TAMIS_ASSIGN_OR_RETURN(std::byte * to, range("fill", dst, offset, bytes));
  if (bytes == 0) return {};
  TAMIS_RETURN_IF_ERROR(activate());
  return submitted(hipMemsetAsync(to, value, static_cast<std::size_t>(bytes), stream_), "fill");
}

Result<std::unique_ptr<Event>> HipQueue::record_event() {
  TAMIS_RETURN_IF_ERROR(activate());
  hipEvent_t event = nullptr;
  TAMIS_RETURN_IF_ERROR(to_status(hipEventCreate(&event), "hipEventCreate"));
  auto recorded = std::make_unique<HipEvent>(event);
  TAMIS_RETURN_IF_ERROR(to_status(hipEventRecord(event, stream_), "hipEventRecord"));
  return std::unique_ptr<Event>(std::move(recorded));
}

Status HipQueue::wait_event(Event& event) {
  TAMIS_RETURN_IF_ERROR(activate());
  return to_status(hipStreamWaitEvent(stream_, static_cast<HipEvent&>(event).get(), 0), "hipStreamWaitEvent");
}

Result<double> HipQueue::elapsed_seconds(Event& begin, Event& end) {
  float milliseconds = 0;
  const hipError_t error = hipEventElapsedTime(&milliseconds, static_cast<HipEvent&>(begin).get(),
                                               static_cast<HipEvent&>(end).get());
  TAMIS_RETURN_IF_ERROR(to_status(error, "hipEventElapsedTime"));
  return static_cast<double>(milliseconds) * 1e-3;
}

Status HipQueue::wait() {
  Status status = log().explain(to_status(hipStreamSynchronize(stream_), "sync"));
  log().clear();
  if (status.ok()) staging_.reset();
  return status;
}

Status HipQueue::sync() {
  TAMIS_RETURN_IF_ERROR(activate());
  return wait();
}

Status HipQueue::begin_capture() {
  if (capturing_) return invalid_argument(TAMIS_HIP_BACKEND ": begin_capture: already capturing");
  TAMIS_RETURN_IF_ERROR(activate());
  const hipError_t error = hipStreamBeginCapture(stream_, hipStreamCaptureModeThreadLocal);
  TAMIS_RETURN_IF_ERROR(to_status(error, "hipStreamBeginCapture"));
  capturing_ = true;
  captured_.clear();
  return {};
}

Result<std::unique_ptr<Capture>> HipQueue::end_capture() {
  if (!capturing_) return invalid_argument(TAMIS_HIP_BACKEND ": end_capture: not capturing");
  capturing_ = false;
  TAMIS_RETURN_IF_ERROR(activate());
  hipGraph_t graph = nullptr;
  TAMIS_RETURN_IF_ERROR(to_status(hipStreamEndCapture(stream_, &graph), "hipStreamEndCapture"));
  TAMIS_ASSIGN_OR_RETURN(std::unique_ptr<HipCapture> capture,
                         HipCapture::create(graph, std::move(captured_)));
  captured_.clear();
  return std::unique_ptr<Capture>(std::move(capture));
}

Status HipQueue::replay(Capture& capture) {
  TAMIS_RETURN_IF_ERROR(activate());
  auto& graph = static_cast<HipCapture&>(capture);
  TAMIS_RETURN_IF_ERROR(graph.launch(stream_));
  log().note_all(graph.launches());
  return {};
}

}  // namespace tamis::hip
