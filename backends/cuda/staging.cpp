#include "backends/cuda/staging.h"

#include <algorithm>
#include <cstring>

#include "backends/cuda/error.h"

namespace tamis::cuda {
namespace {

constexpr std::int64_t kAlignment = 256;

}  // namespace

Staging::~Staging() {
  for (const Slot& slot : slots_) {
    if (slot.taken != nullptr) static_cast<void>(cudaEventDestroy(slot.taken));
    if (slot.memory != nullptr) static_cast<void>(cudaFreeHost(slot.memory));
  }
}

Status Staging::open(Slot& slot) {
  if (slot.memory == nullptr) {
    void* memory = nullptr;
    TAMIS_CUDA_RETURN_IF_ERROR(
        cudaHostAlloc(&memory, static_cast<std::size_t>(kSlotBytes), cudaHostAllocDefault));
    slot.memory = static_cast<std::byte*>(memory);
    TAMIS_CUDA_RETURN_IF_ERROR(cudaEventCreateWithFlags(&slot.taken, cudaEventDisableTiming));
    return {};
  }
  return to_status(cudaEventSynchronize(slot.taken), "cudaEventSynchronize");
}

Result<Staging::Part> Staging::take(std::int64_t wanted, cudaStream_t stream) {
  if (used_ == kSlotBytes) {
    TAMIS_CUDA_RETURN_IF_ERROR(cudaEventRecord(slots_[static_cast<std::size_t>(current_)].taken, stream));
    current_ = (current_ + 1) % kSlots;
    used_ = 0;
  }
  Slot& slot = slots_[static_cast<std::size_t>(current_)];
  if (used_ == 0) TAMIS_RETURN_IF_ERROR(open(slot));
  const Part part{slot.memory + used_, std::min(wanted, kSlotBytes - used_)};
  used_ = std::min(kSlotBytes, used_ + (part.bytes + kAlignment - 1) / kAlignment * kAlignment);
  return part;
}

Status Staging::put(std::byte* to, std::span<const std::byte> src, cudaStream_t stream) {
  while (!src.empty()) {
    TAMIS_ASSIGN_OR_RETURN(const Part part, take(static_cast<std::int64_t>(src.size()), stream));
    const auto bytes = static_cast<std::size_t>(part.bytes);
    std::memcpy(part.memory, src.data(), bytes);
    TAMIS_CUDA_RETURN_IF_ERROR(cudaMemcpyAsync(to, part.memory, bytes, cudaMemcpyHostToDevice, stream));
    to += bytes;
    src = src.subspan(bytes);
  }
  return {};
}

}  // namespace tamis::cuda
