#include "backends/hip/staging.h"

namespace tamis::hip {

Staging::~Staging() {
  if (memory_ != nullptr) (void)hipHostFree(memory_);
}

Status Staging::allocate() {
  void* memory = nullptr;
  const auto bytes = static_cast<std::size_t>(kBytes);
  TAMIS_RETURN_IF_ERROR(to_status(hipHostMalloc(&memory, bytes, hipHostMallocDefault), "hipHostMalloc"));
  memory_ = static_cast<std::byte*>(memory);
  return {};
}

std::byte* Staging::take(std::int64_t bytes) {
  constexpr std::int64_t kAlignment = 64;
  if (bytes > kBytes - used_) return nullptr;
  std::byte* taken = memory_ + used_;
  used_ += (bytes + kAlignment - 1) / kAlignment * kAlignment;
  return taken;
}

}  // namespace tamis::hip
