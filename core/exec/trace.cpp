#include "core/exec/trace.h"

#include <algorithm>
#include <map>

#include <nlohmann/json.hpp>

namespace tamis {
namespace {

constexpr const char* kUncaptured =
    "under a trace every node runs by itself, uncaptured and waited for: the sum is more than a step takes";

}  // namespace

std::string Trace::to_chrome_json() const {
  nlohmann::ordered_json events = nlohmann::ordered_json::array();
  for (const TraceEvent& e : events_) {
    const double gflops = e.seconds > 0 ? e.flops / e.seconds * 1e-9 : 0.0;
    const double gbytes = e.seconds > 0 ? e.bytes / e.seconds * 1e-9 : 0.0;
    events.push_back(
        {{"name", e.name},
         {"cat", e.label},
         {"ph", "X"},
         {"ts", e.begin_seconds * 1e6},
         {"dur", e.seconds * 1e6},
         {"pid", e.device},
         {"tid", 0},
         {"args", {{"label", e.label}, {"shapes", e.shapes}, {"GFLOP/s", gflops}, {"GB/s", gbytes}}}});
  }
  return nlohmann::ordered_json{
      {"traceEvents", std::move(events)}, {"displayTimeUnit", "ms"}, {"otherData", {{"note", kUncaptured}}}}
      .dump();
}

std::string Trace::summary() const {
  struct Total {
    double seconds = 0, flops = 0, bytes = 0;
    int calls = 0;
  };
  std::map<std::string, Total> by_row;
  for (const TraceEvent& e : events_) {
    Total& total = by_row[e.name];
    total.seconds += e.seconds;
    total.flops += e.flops;
    total.bytes += e.bytes;
    ++total.calls;
  }
  std::vector<std::pair<std::string, Total>> rows(by_row.begin(), by_row.end());
  std::sort(rows.begin(), rows.end(),
            [](const auto& a, const auto& b) { return a.second.seconds > b.second.seconds; });
  std::string text =
      fmt::format("{:<40} {:>7} {:>10} {:>9} {:>8}\n", "kernel", "calls", "ms", "GFLOP/s", "GB/s");
  for (const auto& [name, total] : rows) {
    const double seconds = std::max(total.seconds, 1e-12);
    text += fmt::format("{:<40} {:>7} {:>10.3f} {:>9.1f} {:>8.2f}\n", name, total.calls, total.seconds * 1e3,
                        total.flops / seconds * 1e-9, total.bytes / seconds * 1e-9);
  }
  return text + kUncaptured + "\n";
}

}  // namespace tamis
