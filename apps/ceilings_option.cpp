#include "apps/ceilings_option.h"

#include <algorithm>

#include <nlohmann/json.hpp>

#include "apps/commands.h"
#include "core/checkpoint/json_fields.h"
#include "core/policy/capability.h"

namespace tamis::apps {
namespace {

// The higher of the two rates that bench measures of each kind. Its arithmetic ceiling is the best of all
// formats, so it stands for each of them.
Status add_row(const nlohmann::json& json, const std::string& where, const std::string& device,
               Ceilings& ceilings) {
  constexpr NumberRange kRate{0, 1e9};
  JsonFields row(json, where);
  const bool same = row.string_or("device", "") == device;
  const double memory = std::max(row.number("copy_gbs", kRate), row.number_or("read_gbs", 0, kRate));
  const double arithmetic =
      std::max(row.number("matrix_tflops", kRate), row.number_or("fma_tflops", 0, kRate));
  TAMIS_RETURN_IF_ERROR(row.status());
  if (!same) return {};
  ceilings.memory_gbs = std::max(ceilings.memory_gbs, memory);
  ceilings.f32_tflops = std::max(ceilings.f32_tflops, arithmetic);
  ceilings.source = "measured by tamis bench";
  return {};
}

}  // namespace

Result<Ceilings> find_ceilings(const DeviceInfo& device, const std::string& path) {
  constexpr int kMaxDepth = 4;
  Ceilings ceilings = ceilings_of(device);
  if (path.empty() || ceilings.known()) return ceilings;
  TAMIS_ASSIGN_OR_RETURN(const std::string text, read_file(path));
  TAMIS_ASSIGN_OR_RETURN(const nlohmann::json rows, parse_json(text, path, kMaxDepth));
  if (!rows.is_array())
    return corrupt_data("{}: expected the array of rows of `tamis bench op -o json`, found {}", path,
                        describe_json(rows));
  for (std::size_t i = 0; i < rows.size(); ++i)
    TAMIS_RETURN_IF_ERROR(add_row(rows[i], fmt::format("{}: [{}]", path, i), device.name, ceilings));
  return ceilings;
}

}  // namespace tamis::apps
