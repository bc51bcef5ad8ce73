// A CUDA stream. Launches are asynchronous; a capture is a CUDA graph. Barriers are the stream's own order.
#pragma once

#include <cuda_runtime_api.h>

#include <vector>

#include "backends/cuda/device.h"
#include "backends/cuda/staging.h"
#include "core/backend/kernel_table.h"

namespace tamis::cuda {

class CudaQueue final : public gpu::GpuQueue {
 public:
  static Result<std::unique_ptr<CudaQueue>> create(int device);
  ~CudaQueue() override;

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

  // The stream to launch on, its device made the calling thread's; should that fail, the launch says so.
  cudaStream_t stream() const {
    static_cast<void>(cudaSetDevice(device_));
    return stream_;
  }
  int multiprocessors() const { return multiprocessors_; }
  // After a row's kernel launches: `error` is what the last of them returned.
  Status launched(cudaError_t error) { return submitted(static_cast<gpu::Error>(error), "kernel launch"); }

  Result<gpu::Stream> enter() override;
  Status submitted(gpu::Error error, const char* what) override;

 private:
  struct CudaEvent final : Event {
    ~CudaEvent() override;
    cudaEvent_t event = nullptr;
  };
  struct CudaCapture final : Capture {
    ~CudaCapture() override;
    cudaGraphExec_t graph = nullptr;
    std::vector<LoggedLaunch> launches;
  };

  explicit CudaQueue(int device) : device_(device) {}
  Status activate() const;

  int device_;
  int multiprocessors_ = 1;
  cudaStream_t stream_ = nullptr;
  Staging staging_;
  std::unique_ptr<CudaCapture> capturing_;
};

}  // namespace tamis::cuda
