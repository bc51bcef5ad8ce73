// Per-node times of a run, as Chrome trace events (chrome://tracing, Perfetto).
#pragma once

#include <string>
#include <vector>

#include "core/base/status.h"

namespace tamis {

struct TraceEvent {
  std::string name;   // kernel row
  std::string label;  // "layers.3.attention"
  std::string device;
  std::string shapes;
  double begin_seconds = 0;
  double seconds = 0;
  double flops = 0;
  double bytes = 0;
};

// Collects events over many runs. While a trace is on, plans run uncaptured: a captured segment has no inner
// times.
class Trace {
 public:
  void add(TraceEvent event) { events_.push_back(std::move(event)); }
  const std::vector<TraceEvent>& events() const { return events_; }
  std::string to_chrome_json() const;
  // Seconds per kernel row, largest first, as a table.
  std::string summary() const;

 private:
  std::vector<TraceEvent> events_;
};

}  // namespace tamis
