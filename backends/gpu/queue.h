// What the CUDA and the HIP backend have in common, as the rows of kernels_gpu/ need it: memory with a device
// address, and a queue that a kernel is submitted to.
#pragma once

#include "core/backend/backend_api.h"
#include "kernels_gpu/common/launch.h"

namespace tamis::gpu {

class GpuBuffer : public Buffer {
 public:
  GpuBuffer(std::int64_t bytes, std::byte* memory) : Buffer(bytes), memory_(memory) {}
  std::byte* host() override { return nullptr; }
  std::byte* device_address() const { return memory_; }

 private:
  std::byte* memory_;
};

class GpuQueue : public Queue {
 public:
  // Makes this queue's device the calling thread's: before every launch. The stream to launch on.
  virtual Result<Stream> enter() = 0;
  // After every launch: its error, or a note of it for errors that come later. `what` names the launch.
  virtual Status submitted(Error error, const char* what) = 0;

  // enter, launch, submitted. `kernel(args, stream)` is a launch function of kernels_gpu/ or of the backend's
  // own kernels.
  template <class Kernel, class Args>
  Status submit(const char* what, Kernel kernel, const Args& args) {
    TAMIS_ASSIGN_OR_RETURN(Stream stream, enter());
    return submitted(static_cast<Error>(kernel(args, stream)), what);
  }
};

}  // namespace tamis::gpu
