#include "core/policy/capability.h"

#include <algorithm>
#include <charconv>

#include <fmt/ranges.h>

#include <nlohmann/json.hpp>

#include "core/checkpoint/json_fields.h"

namespace tamis {
namespace {

struct CapabilityFile {
  const char* name;
  const char* text;
};

constexpr CapabilityFile kFiles[] = {
#include "capabilities.inc"
};

class StandIn final : public Device {
 public:
  explicit StandIn(DeviceInfo info) : info_(std::move(info)) {}
  const DeviceInfo& info() const override { return info_; }
  std::int64_t free_bytes() const override { return info_.memory_bytes; }
  Result<std::shared_ptr<Buffer>> alloc(std::int64_t) override { return refuse(); }
  Result<std::shared_ptr<Buffer>> import_host(std::span<const std::byte>) override { return refuse(); }
  Result<std::unique_ptr<Queue>> create_queue() override { return refuse(); }
  void* extension(const char*) override { return nullptr; }

 private:
  Status refuse() const {
    return unsupported("{} stands in for a device that is not here: it can be explained, not run",
                       info_.name);
  }
  DeviceInfo info_;
};

Result<int> parse_arch(const std::string& where, const std::string& arch) {
  int value = 0;
  const bool hex = arch.starts_with("gfx");
  if (!hex && !arch.starts_with("sm_")) {
    return corrupt_data("{}: arch: expected sm_<decimal> or gfx<hex>, found {}", where, arch);
  }
  const char* last = arch.data() + arch.size();
  const auto [end, error] = std::from_chars(arch.data() + 3, last, value, hex ? 16 : 10);
  if (error != std::errc() || end != last) {
    return corrupt_data("{}: arch: expected sm_<decimal> or gfx<hex>, found {}", where, arch);
  }
  return value;
}

Result<std::uint64_t> parse_features(const std::string& where, const std::vector<std::string>& names) {
  std::uint64_t features = 0;
  for (const std::string& name : names) {
    std::uint64_t found = 0;
    for (int bit = 0; bit < 64 && found == 0; ++bit) {
      if (name == feature_name(1ull << bit)) found = 1ull << bit;
    }
    if (found == 0) return corrupt_data("{}: features: {} is none of those that tamis knows", where, name);
    features |= found;
  }
  return features;
}

}  // namespace

std::vector<std::string> capability_names() {
  std::vector<std::string> names;
  for (const CapabilityFile& file : kFiles) names.emplace_back(file.name);
  return names;
}

Result<DeviceInfo> find_capability(const std::string& name) {
  for (const CapabilityFile& file : kFiles) {
    if (name != file.name) continue;
    TAMIS_ASSIGN_OR_RETURN(Capability capability, parse_capability(name, file.text));
    return std::move(capability.info);
  }
  return not_found("capability {}: known: {}", name, fmt::join(capability_names(), ", "));
}

Ceilings ceilings_of(const DeviceInfo& info) {
  for (const CapabilityFile& file : kFiles) {
    const Result<Capability> found = parse_capability(file.name, file.text);
    if (!found.ok()) continue;
    const auto& names = found->driver_names;
    if (info.name == found->info.name || std::find(names.begin(), names.end(), info.name) != names.end())
      return found->ceilings;
  }
  return {};
}

Result<Capability> parse_capability(const std::string& where, const std::string& text) {
  constexpr std::int64_t kMaxGib = 1 << 20, kMaxUnits = 1 << 20, kMaxKib = 1 << 20;
  TAMIS_ASSIGN_OR_RETURN(const nlohmann::json json, parse_json(text, where, 2));
  JsonFields fields(json, where);
  Capability capability;
  DeviceInfo& info = capability.info;
  info.backend = fields.string_or("backend", "");
  info.name = fields.string_or("name", where);
  info.units = static_cast<int>(fields.integer("units", {1, kMaxUnits}));
  info.memory_bytes = fields.integer("memory_gib", {1, kMaxGib}) << 30;
  info.local_memory_bytes = fields.integer("local_memory_kib", {1, kMaxKib}) << 10;
  info.driver = "none: a capability file";
  const std::string arch = fields.string_or("arch", "");
  const std::vector<std::string> features = fields.strings("features");
  constexpr NumberRange kRate{0.001, 1e6};
  Ceilings& ceilings = capability.ceilings;
  ceilings.memory_gbs = fields.number("memory_gbs", kRate);
  ceilings.f32_tflops = fields.number("f32_tflops", kRate);
  ceilings.bf16_tflops = fields.number("bf16_tflops", kRate);
  ceilings.fp8_tflops = fields.number_or("fp8_tflops", 0, kRate);
  ceilings.source = fields.string_or("source", "");
  capability.driver_names = fields.strings("driver_names");
  if (ceilings.source.empty()) fields.fail_missing("source");
  TAMIS_RETURN_IF_ERROR(fields.status());
  if (info.backend.empty()) return corrupt_data("{}: backend: expected a string, found nothing", where);
  TAMIS_ASSIGN_OR_RETURN(info.arch, parse_arch(where, arch));
  TAMIS_ASSIGN_OR_RETURN(info.features, parse_features(where, features));
  return capability;
}

std::shared_ptr<Device> make_stand_in(DeviceInfo info) { return std::make_shared<StandIn>(std::move(info)); }

}  // namespace tamis
