// NVIDIA's management library, opened at run time: clocks, energy, power cap, reasons for a lower clock.
#pragma once

#include <memory>

#include "bench/environment.h"

namespace tamis::bench {

// Null where there is no library, or several GPUs: NVML's order of devices need not be CUDA's.
std::unique_ptr<Sensor> open_nvml(const DeviceInfo& device);

}  // namespace tamis::bench
