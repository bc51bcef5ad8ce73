// Places the intermediate storages and the workspaces of a plan in one arena: two that are alive at the same
// node never overlap. Greedy by size, the method of Pisarchyk and Lee, "Efficient memory management for deep
// neural net inference" (2020): largest first, each at the lowest offset that is free over its whole
// lifetime.
#pragma once

#include <cstdint>
#include <vector>

namespace tamis {

struct MemoryRequest {
  std::int64_t bytes = 0;
  int first = 0;  // node that writes it first
  int last = 0;   // node that reads it last
};

struct MemoryPlan {
  std::vector<std::int64_t> offsets;  // one per request
  std::int64_t arena_bytes = 0;
};

// Offsets are multiples of `alignment`.
MemoryPlan plan_memory(const std::vector<MemoryRequest>& requests, std::int64_t alignment);

}  // namespace tamis
