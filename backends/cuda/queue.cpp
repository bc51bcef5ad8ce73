#include "backends/cuda/queue.h"

#include "backends/cuda/error.h"
#include "core/backend/check_range.h"

namespace tamis::cuda {
namespace {

std::byte* address(const Buffer& buffer, std::int64_t offset) {
  return static_cast<const CudaBuffer&>(buffer).device_address() + offset;
}

}  // namespace

CudaQueue::CudaEvent::~CudaEvent() {
  if (event != nullptr) static_cast<void>(cudaEventDestroy(event));
}

CudaQueue::CudaCapture::~CudaCapture() {
  if (graph != nullptr) static_cast<void>(cudaGraphExecDestroy(graph));
}

Result<std::unique_ptr<CudaQueue>> CudaQueue::create(int device) {
  std::unique_ptr<CudaQueue> queue(new CudaQueue(device));
  TAMIS_RETURN_IF_ERROR(queue->activate());
  TAMIS_CUDA_RETURN_IF_ERROR(cudaStreamCreateWithFlags(&queue->stream_, cudaStreamNonBlocking));
  TAMIS_CUDA_RETURN_IF_ERROR(
      cudaDeviceGetAttribute(&queue->multiprocessors_, cudaDevAttrMultiProcessorCount, device));
  return queue;
}

CudaQueue::~CudaQueue() {
  if (stream_ == nullptr) return;
  static_cast<void>(cudaSetDevice(device_));
  static_cast<void>(cudaStreamSynchronize(stream_));  // the staging memory goes next
  static_cast<void>(cudaStreamDestroy(stream_));
}

// The runtime's current device is a property of the calling thread.
Status CudaQueue::activate() const { return to_status(cudaSetDevice(device_), "cudaSetDevice"); }

Status CudaQueue::upload(Buffer& dst, std::int64_t offset, std::span<const std::byte> src) {
  if (capturing_ != nullptr) return invalid_argument("cuda: upload while capturing");
  TAMIS_RETURN_IF_ERROR(check_range("upload", dst, offset, static_cast<std::int64_t>(src.size())));
  TAMIS_RETURN_IF_ERROR(activate());
  return staging_.put(address(dst, offset), src, stream_);
}

Status CudaQueue::download(std::span<std::byte> dst, Buffer& src, std::int64_t offset) {
  if (capturing_ != nullptr) return invalid_argument("cuda: download while capturing");
  TAMIS_RETURN_IF_ERROR(check_range("download", src, offset, static_cast<std::int64_t>(dst.size())));
  TAMIS_RETURN_IF_ERROR(activate());
  return to_status(
      cudaMemcpyAsync(dst.data(), address(src, offset), dst.size(), cudaMemcpyDeviceToHost, stream_),
      "download");
}

Status CudaQueue::copy(Buffer& dst, std::int64_t dst_offset, Buffer& src, std::int64_t src_offset,
                       std::int64_t bytes) {
  TAMIS_RETURN_IF_ERROR(check_range("copy: destination", dst, dst_offset, bytes));
  TAMIS_RETURN_IF_ERROR(check_range("copy: source", src, src_offset, bytes));
  TAMIS_RETURN_IF_ERROR(activate());
  return to_status(cudaMemcpyAsync(address(dst, dst_offset), address(src, src_offset),
                                   static_cast<std::size_t>(bytes), cudaMemcpyDeviceToDevice, stream_),
                   "copy");
}

Status CudaQueue::fill(Buffer& dst, std::int64_t offset, std::int64_t bytes, std::uint8_t value) {
  TAMIS_RETURN_IF_ERROR(check_range("fill", dst, offset, bytes));
  TAMIS_RETURN_IF_ERROR(activate());
  return to_status(cudaMemsetAsync(address(dst, offset), value, static_cast<std::size_t>(bytes), stream_),
                   "fill");
}

Result<std::unique_ptr<Event>> CudaQueue::record_event() {
  TAMIS_RETURN_IF_ERROR(activate());
  auto event = std::make_unique<CudaEvent>();
  TAMIS_CUDA_RETURN_IF_ERROR(cudaEventCreate(&event->event));
  TAMIS_CUDA_RETURN_IF_ERROR(cudaEventRecord(event->event, stream_));
  return std::unique_ptr<Event>(std::move(event));
}

Status CudaQueue::wait_event(Event& event) {
  TAMIS_RETURN_IF_ERROR(activate());
  return to_status(cudaStreamWaitEvent(stream_, static_cast<CudaEvent&>(event).event, 0),
                   "cudaStreamWaitEvent");
}

Result<double> CudaQueue::elapsed_seconds(Event& begin, Event& end) {
  float milliseconds = 0;
  TAMIS_CUDA_RETURN_IF_ERROR(cudaEventElapsedTime(&milliseconds, static_cast<CudaEvent&>(begin).event,
                                                  static_cast<CudaEvent&>(end).event));
  return milliseconds * 1e-3;
}

Status CudaQueue::sync() {
  TAMIS_RETURN_IF_ERROR(activate());
  Status status = log().explain(to_status(cudaStreamSynchronize(stream_), "cudaStreamSynchronize"));
  log().clear();
  return status;
}

Status CudaQueue::begin_capture() {
  if (capturing_ != nullptr) return invalid_argument("begin_capture: already capturing");
  TAMIS_RETURN_IF_ERROR(activate());
  // Thread-local: what other threads of the process allocate meanwhile does not spoil the capture.
  TAMIS_CUDA_RETURN_IF_ERROR(cudaStreamBeginCapture(stream_, cudaStreamCaptureModeThreadLocal));
  capturing_ = std::make_unique<CudaCapture>();
  return {};
}

Result<std::unique_ptr<Capture>> CudaQueue::end_capture() {
  if (capturing_ == nullptr) return invalid_argument("end_capture: not capturing");
  std::unique_ptr<CudaCapture> capture = std::move(capturing_);
  cudaGraph_t graph = nullptr;
  TAMIS_CUDA_RETURN_IF_ERROR(cudaStreamEndCapture(stream_, &graph));
  const cudaError_t error = cudaGraphInstantiate(&capture->graph, graph, 0);
  static_cast<void>(cudaGraphDestroy(graph));
  TAMIS_RETURN_IF_ERROR(to_status(error, "cudaGraphInstantiate"));
  return std::unique_ptr<Capture>(std::move(capture));
}

Status CudaQueue::replay(Capture& capture) {
  TAMIS_RETURN_IF_ERROR(activate());
  auto& captured = static_cast<CudaCapture&>(capture);
  log().note_all(captured.launches);
  return to_status(cudaGraphLaunch(captured.graph, stream_), "cudaGraphLaunch");
}

Result<gpu::Stream> CudaQueue::enter() {
  TAMIS_RETURN_IF_ERROR(activate());
  return static_cast<gpu::Stream>(stream_);
}

Status CudaQueue::submitted(gpu::Error error, const char* what) {
  const auto result = static_cast<cudaError_t>(error);
  if (result != cudaSuccess) {
    static_cast<void>(cudaGetLastError());  // a bad launch must not fail the next call
    return to_status(result, what);
  }
  if (capturing_ != nullptr) {
    capturing_->launches.push_back(log().current());
  } else {
    log().note();
  }
  return {};
}

}  // namespace tamis::cuda
