// One NVIDIA GPU, used through the CUDA runtime's primary context.
#pragma once

#include <memory>

#include "backends/gpu/queue.h"

namespace tamis::cuda {

class CudaBuffer final : public gpu::GpuBuffer {
 public:
  CudaBuffer(std::int64_t bytes, int device, void* address)
      : GpuBuffer(bytes, static_cast<std::byte*>(address)), device_(device) {}
  ~CudaBuffer() override;

 private:
  int device_;
};

class CudaDevice final : public Device {
 public:
  // Fails when the GPU's properties cannot be read.
  static Result<std::shared_ptr<CudaDevice>> create(int index);

  const DeviceInfo& info() const override { return info_; }
  std::int64_t free_bytes() const override;
  Result<std::shared_ptr<Buffer>> alloc(std::int64_t bytes) override;
  Result<std::shared_ptr<Buffer>> import_host(std::span<const std::byte> memory) override;
  Result<std::unique_ptr<Queue>> create_queue() override;
  void* extension(const char* name) override;

 private:
  explicit CudaDevice(int index) : index_(index) {}
  int index_;
  DeviceInfo info_;
};

}  // namespace tamis::cuda
