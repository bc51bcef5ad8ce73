// Device memory by hipMalloc.
#pragma once

#include <memory>

#include "backends/gpu/queue.h"
#include "backends/hip/error.h"

namespace tamis::hip {

class HipBuffer final : public gpu::GpuBuffer {
 public:
  HipBuffer(std::int64_t bytes, std::byte* memory, int device) : GpuBuffer(bytes, memory), device_(device) {}
  ~HipBuffer() override;

 private:
  int device_;
};

// On the current device of the calling thread, which is `device`.
Result<std::shared_ptr<Buffer>> allocate(std::int64_t bytes, int device);

// Bytes that the current device still gives out.
std::int64_t free_device_bytes();

// Address of bytes [offset, offset + bytes); offsets come from plans and tests alike, so nothing outside the
// buffer is ever handed out.
Result<std::byte*> range(const char* what, Buffer& buffer, std::int64_t offset, std::int64_t bytes);

}  // namespace tamis::hip
