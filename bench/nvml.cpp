#include "bench/nvml.h"

#include <dlfcn.h>

namespace tamis::bench {
namespace {

// The part of nvml.h that is used here; its functions and values are stable since NVML 8.
using NvmlDevice = struct NvmlDeviceOpaque*;
constexpr int kSuccess = 0;
constexpr int kClockSm = 1;
struct ThrottleReason {
  unsigned long long bit;
  const char* name;
};
constexpr ThrottleReason kReasons[] = {{0x4, "power cap"},
                                       {0x8, "hardware slowdown"},
                                       {0x20, "temperature"},
                                       {0x40, "temperature"},
                                       {0x80, "power brake"}};

struct Library {
  int (*init)() = nullptr;
  int (*count)(unsigned*) = nullptr;
  int (*handle)(unsigned, NvmlDevice*) = nullptr;
  int (*clock)(NvmlDevice, int, unsigned*) = nullptr;
  int (*energy)(NvmlDevice, unsigned long long*) = nullptr;
  int (*power_limit)(NvmlDevice, unsigned*) = nullptr;
  int (*reasons)(NvmlDevice, unsigned long long*) = nullptr;

  bool open() {
    void* library = dlopen("libnvidia-ml.so.1", RTLD_NOW | RTLD_LOCAL);  // never closed: devices stay in use
    if (library == nullptr) return false;
    const auto find = [library](const char* name, auto& function) {
      function = reinterpret_cast<std::remove_reference_t<decltype(function)>>(dlsym(library, name));
      return function != nullptr;
    };
    return find("nvmlInit_v2", init) && find("nvmlDeviceGetCount_v2", count) &&
           find("nvmlDeviceGetHandleByIndex_v2", handle) && find("nvmlDeviceGetClockInfo", clock) &&
           find("nvmlDeviceGetTotalEnergyConsumption", energy) &&
           find("nvmlDeviceGetEnforcedPowerLimit", power_limit) &&
           find("nvmlDeviceGetCurrentClocksThrottleReasons", reasons);
  }
};

class NvmlSensor final : public Sensor {
 public:
  NvmlSensor(const Library& library, NvmlDevice device) : library_(library), device_(device) {}

  Reading read() override {
    Reading r;
    unsigned mhz = 0, milliwatts = 0;
    unsigned long long millijoules = 0, bits = 0;
    if (library_.clock(device_, kClockSm, &mhz) == kSuccess) r.clock_mhz = mhz;
    if (library_.power_limit(device_, &milliwatts) == kSuccess) r.power_cap_w = milliwatts * 1e-3;
    if (library_.energy(device_, &millijoules) == kSuccess) {
      r.energy_mj = static_cast<double>(millijoules);
      r.energy_source = "NVML";
    }
    if (library_.reasons(device_, &bits) != kSuccess) return r;
    for (const ThrottleReason& reason : kReasons) {
      if ((bits & reason.bit) != 0 && r.throttling.empty()) r.throttling = reason.name;
    }
    return r;
  }

 private:
  Library library_;
  NvmlDevice device_;
};

}  // namespace

std::unique_ptr<Sensor> open_nvml(const DeviceInfo&) {
  Library library;
  unsigned count = 0;
  NvmlDevice device = nullptr;
  if (!library.open() || library.init() != kSuccess || library.count(&count) != kSuccess || count != 1 ||
      library.handle(0, &device) != kSuccess)
    return nullptr;
  return std::make_unique<NvmlSensor>(library, device);
}

}  // namespace tamis::bench
