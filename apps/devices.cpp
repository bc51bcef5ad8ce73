// tamis devices: the backends of this build, their devices, and why there are none where there are none.
#include <cstdio>
#include <memory>

#include <nlohmann/json.hpp>

#include "apps/commands.h"
#include "core/backend/registry.h"

namespace tamis::apps {
namespace {

using Json = nlohmann::ordered_json;

std::string feature_list(const DeviceInfo& info) {
  std::string text;
  for (int bit = 0; bit < 64; ++bit) {
    const std::uint64_t mask = 1ull << bit;
    if ((info.features & mask) != 0) text += fmt::format("{}{}", text.empty() ? "" : " ", feature_name(mask));
  }
  return text;
}

Json device_json(Device& device) {
  const DeviceInfo& info = device.info();
  return {{"name", info.name},
          {"index", info.index},
          {"units", info.units},
          {"memory_bytes", info.memory_bytes},
          {"free_bytes", device.free_bytes()},
          {"features", feature_list(info)},
          {"matrices", info.matrices},
          {"driver", info.driver}};
}

Status run(bool json) {
  Json all = Json::array();
  for (const BackendRecord& record : Registry::instance().backends()) {
    Json entry{{"backend", record.name}, {"devices", Json::array()}, {"why_none", record.why_not}};
    for (const auto& device : record.devices) {
      entry["devices"].push_back(device_json(*device));
      const DeviceInfo& info = device->info();
      if (json) continue;
      std::printf("%s:%d  %s, %d units, %.1f of %.1f GiB free\n        %s\n", record.name.c_str(), info.index,
                  info.name.c_str(), info.units, static_cast<double>(device->free_bytes()) / 0x1p30,
                  static_cast<double>(info.memory_bytes) / 0x1p30, feature_list(info).c_str());
      if (!info.matrices.empty()) std::printf("        cooperative matrices: %s\n", info.matrices.c_str());
    }
    if (!json && record.devices.empty())
      std::printf("%s    no device: %s\n", record.name.c_str(), record.why_not.c_str());
    all.push_back(std::move(entry));
  }
  if (json) std::puts(all.dump(2).c_str());
  return {};
}

}  // namespace

void add_devices(CLI::App& root, int& exit_code) {
  CLI::App* command = root.add_subcommand("devices", "List backends and devices");
  const auto json = std::make_shared<bool>(false);
  command->add_flag("--json", *json, "machine-readable");
  command->callback([json, &exit_code] { exit_code = report(run(*json)); });
}

}  // namespace tamis::apps
