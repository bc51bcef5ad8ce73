#include "bench/observer.h"

#include <fmt/format.h>

#include "bench/host_peak.h"
#include "bench/statistics.h"

namespace tamis::bench {
namespace {

constexpr double kBusyCores = 0.1;         // others' load from which a row carries a warning
constexpr double kSlowerClock = 0.95;      // of the clock before, from which a row carries a warning
constexpr double kSlowerReference = 1.15;  // times the best of the run; idle, it stays within 1.05 here

}  // namespace

Observer::Observer(const DeviceInfo& device)
    : sensor_(open_sensor(device)), host_threads_(device.backend == "cpu" ? device.units : 0) {}

double Observer::reference_us() {
  if (host_threads_ == 0) return 0;
  const double us = host_reference_seconds(host_threads_) * 1e6;
  if (best_reference_ == 0 || us < best_reference_) best_reference_ = us;
  return us;
}

void Observer::begin() {
  reference_before_ = reference_us();
  start_ = read();
  load_.other_cores();  // begins a new interval
}

void Observer::end(Row& row) {
  const Reading now = read();
  if (const double cores = load_.other_cores(); cores >= 0) other_cores_ = cores;
  const double after = reference_us();
  row.reference_us = (reference_before_ + after) / 2;
  row.clock_before_mhz = start_.clock_mhz, row.clock_after_mhz = now.clock_mhz;
  row.power_cap_w = now.power_cap_w;
  std::vector<std::string> warnings = standing_warnings(row);
  if (other_cores_ > kBusyCores) warnings.push_back(fmt::format("other load: {:.1f} cores", other_cores_));
  if (!now.throttling.empty()) warnings.push_back("throttled: " + now.throttling);
  if (now.clock_mhz > 0 && now.clock_mhz < kSlowerClock * start_.clock_mhz)
    warnings.emplace_back("the clock fell while measuring");
  if (const double worst = std::max(reference_before_, after); worst > kSlowerReference * best_reference_)
    warnings.push_back(fmt::format("the machine was {:.2f} times slower than at its best in this run",
                                   worst / best_reference_));
  row.warnings.clear();
  for (const std::string& w : warnings)
    row.warnings += fmt::format("{}{}", row.warnings.empty() ? "" : "; ", w);
}

}  // namespace tamis::bench
