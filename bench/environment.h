// What the machine says about itself: what the numbers belong to, and what may have moved them.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "bench/row.h"
#include "core/backend/device_info.h"

namespace tamis::bench {

// Of the largest data or unified cache of the first core; 32 MiB where the system does not say.
std::int64_t last_level_cache_bytes();

// Of this process: the most memory it held since the reset (Linux), in bytes; 0: unknown.
void reset_host_peak();
std::int64_t host_peak_bytes();

// The fields of a row that do not change during a run.
void describe_machine(const DeviceInfo& device, Row& row);

// Warnings that hold for the whole run: a debug build, a sanitizer, a governor that saves power.
std::vector<std::string> standing_warnings(const Row& machine);

// Counters that a driver or the kernel gives; absent ones are 0.
struct Reading {
  double clock_mhz = 0;
  double energy_mj = 0;  // since some moment
  double power_cap_w = 0;
  std::string throttling;  // why the clock is held down; empty: not, or unknown
  std::string energy_source;
};

// Reads clocks, energy and throttling of a device: NVML for NVIDIA, sysfs and RAPL for the CPU, nothing for
// others.
class Sensor {
 public:
  virtual ~Sensor() = default;
  virtual Reading read() = 0;
};
std::unique_ptr<Sensor> open_sensor(const DeviceInfo& device);

// How many cores others kept busy since the last call (stolen time included); -1 where that cannot be told,
// as over less than a tenth of a second.
class LoadMeter {
 public:
  LoadMeter();
  double other_cores();

 private:
  struct Sample {
    double wall = 0, busy = 0, own = 0;  // seconds
    bool known = false;
  };
  static Sample sample();
  Sample last_;
};

}  // namespace tamis::bench
