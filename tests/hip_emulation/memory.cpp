#include "tests/hip_emulation/memory.h"

#include <sys/mman.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>
#include <map>
#include <mutex>

#include <fmt/format.h>

namespace hip_emulation {
namespace {

constexpr std::size_t kPage = 4096;
constexpr std::size_t kFence = 64 * 1024;  // bytes on either side that fault
// HIP gives 256; less leaves fewer bytes between an end and its fence.
constexpr std::size_t kAlignment = 16;
constexpr unsigned char kGuardByte = 0x5a, kPoison = 0xff;

// Pages [room, room + room_bytes), of which the allocation takes the end or, once in a while, the beginning.
// What is left over is guarded by a value.
struct Allocation {
  std::size_t bytes = 0;
  unsigned char* room = nullptr;
  std::size_t room_bytes = 0;
};

std::mutex mutex;
std::map<unsigned char*, Allocation> allocations;  // by first byte
std::size_t used = 0;
unsigned made = 0;

std::size_t round_up(std::size_t bytes, std::size_t to) { return (bytes + to - 1) / to * to; }

// Bytes from the first that is not the guard's to its end; 0 if all are.
std::size_t spoiled(unsigned char* begin, unsigned char* end) {
  static const auto expected = [] {
    std::array<unsigned char, kPage> page;
    page.fill(kGuardByte);
    return page;
  }();
  const auto bytes = static_cast<std::size_t>(end - begin);  // less than a page
  if (std::memcmp(begin, expected.data(), bytes) == 0) return 0;
  unsigned char* first = std::find_if(begin, end, [](unsigned char byte) { return byte != kGuardByte; });
  const auto count = static_cast<std::size_t>(end - first);
  std::fill(first, end, kGuardByte);
  return count;
}

}  // namespace

void* allocate(std::size_t bytes) {
  const std::lock_guard<std::mutex> lock(mutex);
  if (bytes > kDeviceBytes - used) return nullptr;
  const std::size_t room_bytes = round_up(bytes, kPage), all = room_bytes + 2 * kFence;
  void* mapped = mmap(nullptr, all, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (mapped == MAP_FAILED) return nullptr;
  unsigned char* room = static_cast<unsigned char*>(mapped) + kFence;
  if (mprotect(room, room_bytes, PROT_READ | PROT_WRITE) != 0) {
    munmap(mapped, all);
    return nullptr;
  }
  const bool at_beginning = ++made % 4 == 0;
  unsigned char* memory = at_beginning ? room : room + room_bytes - round_up(bytes, kAlignment);
  std::fill(room, memory, kGuardByte);
  std::fill_n(memory, bytes, kPoison);
  std::fill(memory + bytes, room + room_bytes, kGuardByte);
  allocations[memory] = {bytes, room, room_bytes};
  used += bytes;
  return memory;
}

bool release(void* memory) {
  const std::lock_guard<std::mutex> lock(mutex);
  const auto found = allocations.find(static_cast<unsigned char*>(memory));
  if (found == allocations.end()) return false;
  const Allocation& allocation = found->second;
  used -= allocation.bytes;
  munmap(allocation.room - kFence, allocation.room_bytes + 2 * kFence);
  allocations.erase(found);
  return true;
}

std::size_t free_bytes() {
  const std::lock_guard<std::mutex> lock(mutex);
  return kDeviceBytes - used;
}

bool in_bounds(const void* memory, std::size_t bytes, bool device) {
  const std::lock_guard<std::mutex> lock(mutex);
  const auto address = reinterpret_cast<std::uintptr_t>(memory);
  for (const auto& [first, allocation] : allocations) {
    const auto begin = reinterpret_cast<std::uintptr_t>(first);
    const auto room = reinterpret_cast<std::uintptr_t>(allocation.room);
    if (address + bytes <= room - kFence || address >= room + allocation.room_bytes + kFence) continue;
    return address >= begin && address + bytes <= begin + allocation.bytes;
  }
  return !device;
}

std::string describe_address(const void* memory) {
  const std::lock_guard<std::mutex> lock(mutex);
  const auto address = reinterpret_cast<std::uintptr_t>(memory);
  for (const auto& [first, allocation] : allocations) {
    const auto begin = reinterpret_cast<std::uintptr_t>(first);
    const auto room = reinterpret_cast<std::uintptr_t>(allocation.room);
    if (address < room - kFence || address >= room + allocation.room_bytes + kFence) continue;
    if (address < begin)
      return fmt::format("{} bytes before an allocation of {}", begin - address, allocation.bytes);
    return fmt::format("{} bytes behind an allocation of {}", address - begin - allocation.bytes,
                       allocation.bytes);
  }
  return fmt::format("address {}, where no allocation is", memory);
}

std::string check_address(const void* memory, std::size_t bytes) {
  {
    const std::lock_guard<std::mutex> lock(mutex);
    const auto* first = static_cast<const unsigned char*>(memory);
    auto found = allocations.upper_bound(const_cast<unsigned char*>(first));
    const bool before_next = found != allocations.end() && first + bytes > found->second.room;
    if (!before_next && found == allocations.begin()) return {};
    if (!before_next) {
      const auto& [begin, allocation] = *--found;
      if (first + bytes <= begin + allocation.bytes || first >= allocation.room + allocation.room_bytes)
        return {};
    }
  }
  return describe_address(memory);
}

std::string check_guards() {
  const std::lock_guard<std::mutex> lock(mutex);
  std::string report;
  for (const auto& [first, allocation] : allocations) {
    const std::size_t size = allocation.bytes;
    unsigned char *end = first + size, *room_end = allocation.room + allocation.room_bytes;
    const std::size_t before = spoiled(allocation.room, first), behind = spoiled(end, room_end);
    if (before > 0) report = fmt::format("write {} bytes before an allocation of {}", before, size);
    if (behind > 0) {
      const auto guard = static_cast<std::size_t>(room_end - end);
      report = fmt::format("write {} bytes behind an allocation of {}", guard - behind, size);
    }
  }
  return report;
}

}  // namespace hip_emulation
