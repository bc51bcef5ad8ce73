#include "tests/hip_emulation/local_memory.h"

#include <sys/mman.h>

#include <algorithm>
#include <cstdint>

#include <fmt/format.h>

#include "tests/hip_emulation/block.h"

// The kernels' __shared__ variables are collected in this section by the linker.
extern "C" {
__attribute__((weak, visibility("hidden"))) extern unsigned char __start_gpu_local_memory[];
__attribute__((weak, visibility("hidden"))) extern unsigned char __stop_gpu_local_memory[];
}

namespace hip_emulation {
namespace {

constexpr std::size_t kPage = 4096, kAlignment = 16;
constexpr unsigned char kPoison = 0xff;  // NaN, -1
constexpr unsigned char kGuardByte = 0xa5;

std::size_t round_up(std::size_t bytes, std::size_t to) { return (bytes + to - 1) / to * to; }

}  // namespace

LocalMemory::LocalMemory() {
  page_ = static_cast<unsigned char*>(
      mmap(nullptr, kLocalMemoryBytes + kPage, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
  mprotect(page_ + kLocalMemoryBytes, kPage, PROT_NONE);
  if (__start_gpu_local_memory == nullptr) return;
  unsigned char *begin = __start_gpu_local_memory, *end = __stop_gpu_local_memory;
  std::fill(begin, end, kPoison);
  const auto address = reinterpret_cast<std::uintptr_t>(begin);
  first_page_ = begin + (round_up(address, kPage) - address);
  last_page_ = std::max(first_page_, end - reinterpret_cast<std::uintptr_t>(end) % kPage);
}

void LocalMemory::start_grid(std::size_t dynamic_bytes) {
  for (unsigned char* page : written_) std::fill_n(page, kPage, kPoison);
  written_.clear();
  if (last_page_ > first_page_) {
    mprotect(first_page_, static_cast<std::size_t>(last_page_ - first_page_), PROT_READ);
  }
  dynamic_bytes_ = dynamic_bytes;
  dynamic_ = page_ + kLocalMemoryBytes - round_up(dynamic_bytes, kAlignment);
}

// The section holds the variables of all kernels, some megabytes: only what the grid wrote is cleaned.
void LocalMemory::start_block() {
  block_period_ = ++period_;
  for (unsigned char* page : written_) std::fill_n(page, kPage, kPoison);
  if (first_page_ != nullptr) {
    std::fill(__start_gpu_local_memory, std::min<unsigned char*>(first_page_, __stop_gpu_local_memory),
              kPoison);
    if (last_page_ < __stop_gpu_local_memory) std::fill(last_page_, __stop_gpu_local_memory, kPoison);
  }
  std::fill_n(dynamic_, dynamic_bytes_, kPoison);
  std::fill(dynamic_ + dynamic_bytes_, page_ + kLocalMemoryBytes, kGuardByte);
}

std::string LocalMemory::check_byte(Mark& mark, Use use, Thread thread) const {
  if (use != Use::kWrite && mark.written < block_period_)
    return "local memory that no thread of the block has written";
  const auto passes = [&](std::uint64_t when, Thread other) {
    return when == period_ && other.wave != thread.wave;
  };
  if (use == Use::kRead) {
    if (passes(mark.written, mark.writer))
      return fmt::format("local memory that thread {} has written since the last barrier", mark.writer.index);
    mark.read = period_, mark.reader = thread;
  } else if (use == Use::kWrite) {
    if (passes(mark.read, mark.reader))
      return fmt::format("local memory that thread {} has read since the last barrier", mark.reader.index);
    mark.written = period_, mark.writer = thread;
  }
  return {};
}

std::string LocalMemory::check_access(const void* address, std::size_t bytes, Use use, Thread thread) {
  const auto* byte = static_cast<const unsigned char*>(address);
  const unsigned char* base = nullptr;
  std::vector<Mark>* marks = nullptr;
  std::size_t size = 0;
  if (byte + bytes > page_ && byte < page_ + kLocalMemoryBytes) {
    base = dynamic_, marks = &dynamic_marks_, size = dynamic_bytes_;
  } else if (byte + bytes > __start_gpu_local_memory && byte < __stop_gpu_local_memory) {
    base = __start_gpu_local_memory, marks = &static_marks_;
    size = static_cast<std::size_t>(__stop_gpu_local_memory - __start_gpu_local_memory);
  }
  if (marks == nullptr) return {};
  if (byte < base) return fmt::format("{} bytes before the local memory", base - byte);
  const auto first = static_cast<std::size_t>(byte - base);
  if (first + bytes > size) return fmt::format("{} bytes behind the local memory", first + bytes - size);
  if (marks->size() < size) marks->resize(size);
  for (std::size_t i = first; i < first + bytes; ++i) {
    if (std::string why = check_byte((*marks)[i], use, thread); !why.empty()) return why;
  }
  return {};
}

bool LocalMemory::admit(const void* address, Access access) {
  const auto* byte = static_cast<const unsigned char*>(address);
  if (access == Access::kRead || byte < first_page_ || byte >= last_page_) return false;
  unsigned char* page = first_page_ + (byte - first_page_) / static_cast<std::ptrdiff_t>(kPage) *
                                          static_cast<std::ptrdiff_t>(kPage);
  if (std::find(written_.begin(), written_.end(), page) != written_.end()) return false;
  written_.push_back(page);
  return mprotect(page, kPage, PROT_READ | PROT_WRITE) == 0;
}

std::string LocalMemory::check() const {
  const unsigned char *guard = dynamic_ + dynamic_bytes_, *end = page_ + kLocalMemoryBytes;
  const unsigned char* written =
      std::find_if(guard, end, [](unsigned char byte) { return byte != kGuardByte; });
  return written == end ? "" : fmt::format("write {} bytes behind the dynamic local memory", written - guard);
}

std::string LocalMemory::describe(const void* address) const {
  const auto* byte = static_cast<const unsigned char*>(address);
  const unsigned char* end = page_ + kLocalMemoryBytes;
  if (byte < end || byte >= end + kPage) return {};
  return fmt::format("{} bytes behind the dynamic local memory", byte - (dynamic_ + dynamic_bytes_));
}

}  // namespace hip_emulation
