// Which bytes the work recorded since the last barrier reads and writes. One barrier is global: it orders
// everything before it with everything behind it, so only what came after the last one needs keeping.
#pragma once

#include <cstdint>
#include <vector>

namespace tamis::vulkan {

// Device addresses [begin, end).
struct Access {
  std::uint64_t begin = 0;
  std::uint64_t end = 0;
  bool write = false;
};

class Hazards {
 public:
  // Read after write, write after read or write after write.
  bool conflicts(const Access& access) const {
    for (const Access& earlier : accesses_) {
      if ((earlier.write || access.write) && earlier.begin < access.end && access.begin < earlier.end)
        return true;
    }
    return false;
  }
  void add(const Access& access) {
    if (access.begin < access.end) accesses_.push_back(access);
  }
  void clear() { accesses_.clear(); }

 private:
  std::vector<Access> accesses_;
};

}  // namespace tamis::vulkan
