#include "core/engine/memory_need.h"

#include <algorithm>

#include "core/model/weight_store.h"

namespace tamis {
namespace {

double gigabytes(std::int64_t bytes) { return static_cast<double>(bytes) * 1e-9; }

}  // namespace

void MemoryNeed::add(const Plan& plan, const Device& device) {
  activations = std::max(activations, plan.arena_bytes());
  const bool mapped = device.info().backend == "cpu";
  for (const PlannedWeight& weight : device_weights(plan, device.info())) {
    if (counted_.insert(weight.name).second && (weight.packed || !mapped)) weights += weight.bytes;
  }
}

Status check_memory(const MemoryNeed& need, std::int64_t cache_tokens, const Device& device) {
  const std::int64_t free = device.free_bytes();
  if (need.total() <= free) return {};
  const DeviceInfo& info = device.info();
  return out_of_memory(
      "needs {:.2f} GB (weights {:.2f}, cache of {} tokens {:.2f}, activations {:.2f}), {}:{} ({}) has "
      "{:.2f} GB free",
      gigabytes(need.total()), gigabytes(need.weights), cache_tokens, gigabytes(need.cache),
      gigabytes(need.activations), info.backend, info.index, info.name, gigabytes(free));
}

}  // namespace tamis
