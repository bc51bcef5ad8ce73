#include "bench/environment.h"

#include <algorithm>
#include <chrono>
#include <fstream>

#include <fmt/format.h>
#include <sys/resource.h>
#include <unistd.h>

#include "bench/commit.h"
#include "bench/nvml.h"
#include "core/policy/policy.h"

namespace tamis::bench {
namespace {

constexpr const char* kCpu = "/sys/devices/system/cpu/cpu0/";

std::string first_line(const std::string& path) {
  std::ifstream in(path);
  std::string line;
  std::getline(in, line);
  return line;
}

double number_in(const std::string& path) {
  std::ifstream in(path);
  double value = 0;
  return in >> value ? value : 0.0;
}

double cpu_clock_mhz() {
  if (const double khz = number_in(std::string(kCpu) + "cpufreq/scaling_cur_freq"); khz > 0)
    return khz * 1e-3;
  std::ifstream in("/proc/cpuinfo");
  for (std::string line; std::getline(in, line);) {
    if (line.rfind("cpu MHz", 0) != 0) continue;
    const std::size_t colon = line.find(':');
    return colon == std::string::npos ? 0.0 : std::strtod(line.c_str() + colon + 1, nullptr);
  }
  return 0;
}

class CpuSensor final : public Sensor {
 public:
  Reading read() override {
    Reading r;
    r.clock_mhz = cpu_clock_mhz();
    // Package 0; reading it needs permission on most systems.
    const std::string rapl = "/sys/class/powercap/intel-rapl:0/";
    if (const double uj = number_in(rapl + "energy_uj"); uj > 0) {
      r.energy_mj = uj * 1e-3;
      r.energy_source = "RAPL package 0";
    }
    r.power_cap_w = number_in(rapl + "constraint_0_power_limit_uw") * 1e-6;
    const double count = number_in(std::string(kCpu) + "thermal_throttle/core_throttle_count");
    if (seen_ && count > throttles_) r.throttling = "temperature";
    throttles_ = count;
    seen_ = true;
    return r;
  }

 private:
  double throttles_ = 0;
  bool seen_ = false;
};

}  // namespace

std::int64_t last_level_cache_bytes() {
  std::int64_t largest = 0;
  for (int index = 0; index < 8; ++index) {
    const std::string folder = fmt::format("{}cache/index{}/", kCpu, index);
    if (first_line(folder + "type") == "Instruction") continue;
    const std::string text = first_line(folder + "size");
    const std::int64_t unit = text.find('M') != std::string::npos ? 1 << 20 : 1 << 10;
    largest = std::max<std::int64_t>(largest, std::strtoll(text.c_str(), nullptr, 10) * unit);
  }
  return largest > 0 ? largest : 32 << 20;
}

void reset_host_peak() {
  std::ofstream out("/proc/self/clear_refs");
  out << "5";
}

std::int64_t host_peak_bytes() {
  std::ifstream in("/proc/self/status");
  for (std::string line; std::getline(in, line);) {
    if (line.rfind("VmHWM:", 0) == 0) return std::strtoll(line.c_str() + 6, nullptr, 10) * 1024;
  }
  return 0;
}

void describe_machine(const DeviceInfo& device, Row& row) {
  row.commit = kCommit;
  row.build = kBuild;
  row.backend = device.backend;
  row.device = device.name;
  row.driver = device.driver;
  row.cores = device.units;
  row.governor = first_line(std::string(kCpu) + "cpufreq/scaling_governor");
  const PolicyRules rules = PolicyInput{}.rules;
  row.rules = fmt::format("order of the tables; policy {} only advises",
                          rules == PolicyRules::k2026_04 ? "2026-04" : "2026-08");
}

std::vector<std::string> standing_warnings(const Row& machine) {
  std::vector<std::string> warnings;
#ifndef NDEBUG
  warnings.emplace_back("assertions are on");
#endif
  if (machine.build.find("Debug") != std::string::npos) warnings.emplace_back("debug build");
  if (machine.build.find("sanitize") != std::string::npos) warnings.emplace_back("sanitizers are on");
  if (machine.governor == "powersave" || machine.governor == "conservative")
    warnings.push_back("governor " + machine.governor);
  return warnings;
}

std::unique_ptr<Sensor> open_sensor(const DeviceInfo& device) {
  if (device.backend == "cpu") return std::make_unique<CpuSensor>();
  if (device.backend == "cuda") return open_nvml(device);
  return nullptr;
}

LoadMeter::LoadMeter() : last_(sample()) {}

LoadMeter::Sample LoadMeter::sample() {
  Sample s;
  s.wall = std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
  rusage own{};
  getrusage(RUSAGE_SELF, &own);
  const auto seconds = [](const timeval& t) {
    return static_cast<double>(t.tv_sec) + 1e-6 * static_cast<double>(t.tv_usec);
  };
  s.own = seconds(own.ru_utime) + seconds(own.ru_stime);
  // "cpu  user nice system idle iowait irq softirq steal …", in ticks, summed over cores.
  std::ifstream in("/proc/stat");
  std::string label;
  double ticks[8] = {};
  if (!(in >> label) || label != "cpu") return s;
  for (double& t : ticks) in >> t;
  if (!in) return s;
  s.busy = (ticks[0] + ticks[1] + ticks[2] + ticks[5] + ticks[6] + ticks[7]) /
           static_cast<double>(sysconf(_SC_CLK_TCK));
  s.known = true;
  return s;
}

double LoadMeter::other_cores() {
  const Sample now = sample();
  const double wall = now.wall - last_.wall;
  if (!now.known || !last_.known || wall < 0.1) return -1;
  const double busy = now.busy - last_.busy, own = now.own - last_.own;
  last_ = now;
  return std::max(0.0, busy - own) / wall;
}

}  // namespace tamis::bench
