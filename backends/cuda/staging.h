// Pinned host memory that uploads go through: a ring of slots, so that the host copies into one (and, from a
// mapped checkpoint, reads the file) while the device takes the one before. The caller's bytes are free when
// put() returns. A pageable copy would be synchronous, and half as fast: measure with `tamis bench model`.
#pragma once

#include <array>
#include <span>

#include <cuda_runtime_api.h>

#include "core/base/status.h"

namespace tamis::cuda {

class Staging {
 public:
  // Four of 8 MiB: long enough for the bus to be busy, short beside any host's memory. Slots are pinned when
  // they are first needed: a queue that uploads step inputs alone has one.
  static constexpr std::int64_t kSlotBytes = std::int64_t{8} << 20;
  static constexpr int kSlots = 4;

  Staging() = default;
  ~Staging();
  Staging(const Staging&) = delete;
  Staging& operator=(const Staging&) = delete;

  // Enqueues the copy of `src` to device memory on `stream`, in parts of a slot.
  Status put(std::byte* to, std::span<const std::byte> src, cudaStream_t stream);

 private:
  struct Slot {
    std::byte* memory = nullptr;
    cudaEvent_t taken = nullptr;  // recorded behind the last copy out of this slot
  };
  // The next bytes of the ring, at most `wanted` of them, once nothing reads them any more.
  struct Part {
    std::byte* memory;
    std::int64_t bytes;
  };
  Result<Part> take(std::int64_t wanted, cudaStream_t stream);
  Status open(Slot& slot);

  std::array<Slot, kSlots> slots_;
  int current_ = 0;
  std::int64_t used_ = 0;  // bytes of the current slot
};

}  // namespace tamis::cuda
