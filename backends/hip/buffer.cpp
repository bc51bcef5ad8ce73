#include "backends/hip/buffer.h"

#include <algorithm>

#include "core/backend/check_range.h"

namespace tamis::hip {

HipBuffer::~HipBuffer() {
  // hipFree waits until the device is done with the memory. Errors of a lost device have been reported.
  (void)hipSetDevice(device_);
  (void)hipFree(device_address());
}

std::int64_t free_device_bytes() {
  std::size_t free = 0, total = 0;
  return hipMemGetInfo(&free, &total) == hipSuccess ? static_cast<std::int64_t>(free) : 0;
}

Result<std::shared_ptr<Buffer>> allocate(std::int64_t bytes, int device) {
  if (bytes < 0) return invalid_argument(TAMIS_HIP_BACKEND ": alloc of {} bytes", bytes);
  void* memory = nullptr;
  const auto size = static_cast<std::size_t>(std::max<std::int64_t>(bytes, 1));
  const hipError_t error = hipMalloc(&memory, size);
  if (error == hipErrorOutOfMemory) {
    (void)hipGetLastError();
    return no_memory(bytes, free_device_bytes());
  }
  TAMIS_RETURN_IF_ERROR(to_status(error, "hipMalloc"));
  return std::shared_ptr<Buffer>(std::make_shared<HipBuffer>(bytes, static_cast<std::byte*>(memory), device));
}

Result<std::byte*> range(const char* what, Buffer& buffer, std::int64_t offset, std::int64_t bytes) {
  TAMIS_RETURN_IF_ERROR(check_range(what, buffer, offset, bytes));
  return static_cast<HipBuffer&>(buffer).device_address() + offset;
}

}  // namespace tamis::hip
