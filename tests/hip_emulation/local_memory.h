// Local memory of the running block. Dynamic: its end lies at a page that faults, but for up to 15 bytes,
// which are compared after the block. Static: the section of the kernels' __shared__ variables, of all
// kernels together. Both begin each block as NaN.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "tests/hip_emulation/block.h"
#include "tests/hip_emulation/faults.h"

namespace hip_emulation {

struct Thread {
  unsigned index, wave;
};

class LocalMemory {
 public:
  LocalMemory();
  // Before the blocks of a grid, and before each of them.
  void start_grid(std::size_t dynamic_bytes);
  void start_block();
  // Empty, or what was written behind the dynamic memory.
  std::string check() const;
  void* dynamic() const { return dynamic_; }

  // The first write of a grid to a page of the static memory: it is to be cleaned before the next block.
  bool admit(const void* address, Access access);
  // Of kernels compiled with checks: empty, or why the thread must not access this. Reads need a write of the
  // same block before them, and what one wave writes and another reads, or the other way round, needs a
  // barrier between.
  std::string check_access(const void* address, std::size_t bytes, Use use, Thread thread);
  void pass_barrier() { ++period_; }

  // Of an address near the dynamic memory; empty of others.
  std::string describe(const void* address) const;

 private:
  // Of a byte: who wrote and who read it last, and when. Periods begin with a block and with a barrier.
  struct Mark {
    std::uint64_t written = 0, read = 0;  // period
    Thread writer{}, reader{};
  };
  std::string check_byte(Mark& mark, Use use, Thread thread) const;

  unsigned char *page_ = nullptr, *dynamic_ = nullptr;  // of the dynamic memory's room
  std::size_t dynamic_bytes_ = 0;
  // Whole pages of the section; its first and last bytes share pages with other variables.
  unsigned char *first_page_ = nullptr, *last_page_ = nullptr;
  std::vector<unsigned char*> written_;  // of those pages
  std::uint64_t period_ = 0, block_period_ = 0;
  std::vector<Mark> static_marks_, dynamic_marks_;  // empty before the first check
};

}  // namespace hip_emulation
