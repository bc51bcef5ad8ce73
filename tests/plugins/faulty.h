// The backend "faulty": the CPU's rows behind a queue that fails when it is told to, as GPUs do: a bad launch
// at once, anything else at the next sync.
#pragma once

#include <atomic>

#include "core/base/status.h"

namespace tamis::faulty {

// By Device::extension("faults"). A count of -1 means never; each fault happens once.
struct Faults {
  std::atomic<int> bad_launch_in{-1};  // 0: the next launch is refused
  std::atomic<int> lost_in{-1};        // 0: the next launch does not run, and the next sync says so
  std::atomic<int> no_memory_in{-1};   // 0: the next alloc finds no memory
};

inline constexpr const char* kExtension = "faults";

}  // namespace tamis::faulty
