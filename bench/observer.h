// Watches the machine while times are taken, and writes into their row what it saw.
#pragma once

#include <memory>

#include "bench/environment.h"

namespace tamis::bench {

class Observer {
 public:
  explicit Observer(const DeviceInfo& device);
  // Around the measurement of one row: clocks, power cap, throttling, the load of others, the reference.
  void begin();
  void end(Row& row);
  // Energy since some moment, in mJ, and its source; 0: the driver does not count it.
  Reading read() { return sensor_ != nullptr ? sensor_->read() : Reading{}; }

 private:
  double reference_us();
  std::unique_ptr<Sensor> sensor_;
  LoadMeter load_;
  int host_threads_;           // 0: kernels do not run on the host
  double other_cores_ = 0;     // of the last interval that was long enough to tell
  double best_reference_ = 0;  // of this run, in microseconds
  double reference_before_ = 0;
  Reading start_;
};

}  // namespace tamis::bench
