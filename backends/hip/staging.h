// Pinned host memory that uploads are copied through, so that the caller's bytes are free when upload()
// returns and the copy still runs beside the host. Handed out front to back; all of it is free again once the
// queue has been waited for.
#pragma once

#include "backends/hip/error.h"

namespace tamis::hip {

class Staging {
 public:
  // A step's inputs are some tens of KB: token ids, positions, slots and the page table.
  static constexpr std::int64_t kBytes = std::int64_t{1} << 20;

  Staging() = default;
  ~Staging();
  Staging(const Staging&) = delete;
  Staging& operator=(const Staging&) = delete;

  Status allocate();
  // Null when there is not as much left.
  std::byte* take(std::int64_t bytes);
  void reset() { used_ = 0; }

 private:
  std::byte* memory_ = nullptr;
  std::int64_t used_ = 0;
};

}  // namespace tamis::hip
