#include "bench/energy.h"

#include <algorithm>

namespace tamis::bench {
namespace {

constexpr double kSeconds = 0.5;  // NVML's counter moves every 20 to 100 ms
constexpr std::int64_t kMostLaunches = 100000;
constexpr double kLeastShare = 0.1;

// mJ of `count` repetitions.
Result<double> energy_of(Queue& queue, Observer& observer, std::int64_t count,
                         const std::function<Status()>& work) {
  TAMIS_RETURN_IF_ERROR(queue.sync());
  const double before = observer.read().energy_mj;
  for (std::int64_t i = 0; i < count; ++i) TAMIS_RETURN_IF_ERROR(work());
  TAMIS_RETURN_IF_ERROR(queue.sync());
  return observer.read().energy_mj - before;
}

}  // namespace

Result<Reading> measure_energy(Queue& queue, Observer& observer, const EnergyWork& work) {
  Reading result;
  const Reading first = observer.read();
  if (first.energy_mj <= 0) return result;
  double once = work.seconds;
  if (work.flush) {
    TAMIS_ASSIGN_OR_RETURN(const double flush_seconds, time_once(queue, work.flush));
    once += flush_seconds;
  }
  const auto count =
      std::clamp<std::int64_t>(static_cast<std::int64_t>(kSeconds / std::max(once, 1e-6)), 1, kMostLaunches);
  const auto both = [&]() -> Status {
    if (work.flush) TAMIS_RETURN_IF_ERROR(work.flush());
    return work.launch();
  };
  TAMIS_ASSIGN_OR_RETURN(const double total, energy_of(queue, observer, count, both));
  double flushes = 0;
  if (work.flush) {
    TAMIS_ASSIGN_OR_RETURN(flushes, energy_of(queue, observer, count, work.flush));
  }
  if (total <= 0 || total - flushes < kLeastShare * total) return result;
  result.energy_mj = (total - flushes) / static_cast<double>(count);
  result.energy_source = first.energy_source;
  return result;
}

}  // namespace tamis::bench
