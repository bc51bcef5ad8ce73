#include "tests/hip_emulation/memory.h"

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <map>
#include <mutex>

#include <fmt/format.h>

namespace hip_emulation {
namespace {

constexpr std::size_t kGuard = 1024;
constexpr std::size_t kAlignment = 256;  // of hipMalloc
constexpr unsigned char kGuardByte = 0x5a, kPoison = 0xff;

std::mutex mutex;
std::map<unsigned char*, std::size_t> allocations;  // first byte → size
std::size_t used = 0;

// Bytes from the first that is not the guard's to its end; 0 if all are.
std::size_t spoiled(unsigned char* begin, unsigned char* end) {
  unsigned char* first = std::find_if(begin, end, [](unsigned char byte) { return byte != kGuardByte; });
  const auto count = static_cast<std::size_t>(end - first);
  std::fill(first, end, kGuardByte);
  return count;
}

}  // namespace

void* allocate(std::size_t bytes) {
  const std::lock_guard<std::mutex> lock(mutex);
  if (bytes > kDeviceBytes - used) return nullptr;
  const std::size_t total = (kGuard + bytes + kGuard + kAlignment - 1) / kAlignment * kAlignment;
  auto* block = static_cast<unsigned char*>(std::aligned_alloc(kAlignment, total));
  if (block == nullptr) return nullptr;
  unsigned char* memory = block + kGuard;
  std::fill(block, memory, kGuardByte);
  std::fill_n(memory, bytes, kPoison);
  std::fill_n(memory + bytes, kGuard, kGuardByte);
  allocations[memory] = bytes;
  used += bytes;
  return memory;
}

bool release(void* memory) {
  const std::lock_guard<std::mutex> lock(mutex);
  const auto found = allocations.find(static_cast<unsigned char*>(memory));
  if (found == allocations.end()) return false;
  used -= found->second;
  std::free(found->first - kGuard);
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
  for (const auto& [first, size] : allocations) {
    const auto begin = reinterpret_cast<std::uintptr_t>(first);
    if (address + bytes <= begin - kGuard || address >= begin + size + kGuard) continue;
    return address >= begin && address + bytes <= begin + size;
  }
  return !device;
}

std::string check_guards() {
  const std::lock_guard<std::mutex> lock(mutex);
  std::string report;
  for (const auto& [first, size] : allocations) {
    const std::size_t before = spoiled(first - kGuard, first);
    const std::size_t behind = spoiled(first + size, first + size + kGuard);
    if (before > 0) report = fmt::format("write {} bytes before an allocation of {}", before, size);
    if (behind > 0) report = fmt::format("write {} bytes behind an allocation of {}", kGuard - behind, size);
  }
  return report;
}

}  // namespace hip_emulation
