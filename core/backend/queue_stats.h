// What a device's queues have recorded and submitted, for tests and for a look at the cost of a plan, and a
// switch for finding barriers that are missing. A device that counts gives it through
// Device::extension(kQueueStats), as a QueueStats*; another one gives null.
#pragma once

#include <atomic>
#include <cstdint>

namespace tamis {

inline constexpr const char* kQueueStats = "tamis.vulkan.stats";

// Sums over all queues of the device since it was made. Recorded work counts once, however often a capture of
// it is replayed.
struct QueueStats {
  std::atomic<std::int64_t> dispatches = 0;  // recorded
  // Recorded because an operand or a transfer conflicts with earlier work, or because a row asked for one
  // between its dispatches. The barrier at the head of every command buffer is not counted.
  std::atomic<std::int64_t> barriers = 0;
  std::atomic<std::int64_t> submits = 0;  // calls of the driver's submit function
  // While it is set, a barrier is recorded, and counted, behind every dispatch and every transfer. Whatever
  // gives other bits then lacks one.
  std::atomic<bool> full_barriers = false;
};

}  // namespace tamis
