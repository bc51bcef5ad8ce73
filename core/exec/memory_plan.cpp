#include "core/exec/memory_plan.h"

#include <algorithm>
#include <numeric>

namespace tamis {
namespace {

struct Placed {
  std::int64_t begin, end;
  int first, last;
};

// The lowest gap of `bytes` between the placed ranges that live at the same time. `placed` is sorted by
// begin.
std::int64_t lowest_gap(const std::vector<Placed>& placed, const MemoryRequest& request, std::int64_t bytes) {
  std::int64_t offset = 0;
  for (const Placed& other : placed) {
    if (other.last < request.first || other.first > request.last) continue;
    if (other.begin >= offset + bytes) break;
    offset = std::max(offset, other.end);
  }
  return offset;
}

}  // namespace

MemoryPlan plan_memory(const std::vector<MemoryRequest>& requests, std::int64_t alignment) {
  MemoryPlan plan;
  plan.offsets.assign(requests.size(), 0);
  std::vector<std::size_t> order(requests.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(),
                   [&](std::size_t a, std::size_t b) { return requests[a].bytes > requests[b].bytes; });
  std::vector<Placed> placed;
  for (std::size_t index : order) {
    const MemoryRequest& request = requests[index];
    const std::int64_t bytes = (request.bytes + alignment - 1) / alignment * alignment;
    if (bytes == 0) continue;
    const std::int64_t offset = lowest_gap(placed, request, bytes);
    plan.offsets[index] = offset;
    plan.arena_bytes = std::max(plan.arena_bytes, offset + bytes);
    const Placed entry{offset, offset + bytes, request.first, request.last};
    const auto at = std::upper_bound(placed.begin(), placed.end(), entry,
                                     [](const Placed& a, const Placed& b) { return a.begin < b.begin; });
    placed.insert(at, entry);
  }
  return plan;
}

}  // namespace tamis
