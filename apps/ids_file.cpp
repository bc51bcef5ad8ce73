#include "apps/ids_file.h"

#include "apps/commands.h"
#include "core/text/json_text.h"

namespace tamis::apps {
namespace {

Result<std::vector<std::int32_t>> read_row(const nlohmann::ordered_json& row, const std::string& where) {
  if (!row.is_array()) return corrupt_data("{}: expected an array of ids, found {}", where, row.type_name());
  std::vector<std::int32_t> ids;
  for (const nlohmann::ordered_json& id : row) {
    const bool fits =
        id.is_number_integer() && id.get<std::int64_t>() >= 0 && id.get<std::int64_t>() <= 0x7fffffff;
    if (!fits)
      return corrupt_data("{}[{}]: expected a token id, found {}", where, ids.size(), id.type_name());
    ids.push_back(static_cast<std::int32_t>(id.get<std::int64_t>()));
  }
  return ids;
}

}  // namespace

Result<std::vector<std::vector<std::int32_t>>> read_ids_file(const std::string& path) {
  TAMIS_ASSIGN_OR_RETURN(const std::string text, read_file(path));
  TAMIS_ASSIGN_OR_RETURN(const nlohmann::ordered_json json, parse_json(text, path));
  if (!json.is_object() || !json.contains("input_ids") || !json["input_ids"].is_array()) {
    return corrupt_data("{}: expected an object with an array input_ids", path);
  }
  const nlohmann::ordered_json& rows = json["input_ids"];
  std::vector<std::vector<std::int32_t>> result;
  if (!rows.empty() && rows[0].is_number()) {
    TAMIS_ASSIGN_OR_RETURN(std::vector<std::int32_t> ids, read_row(rows, path + ": input_ids"));
    result.push_back(std::move(ids));
    return result;
  }
  for (const nlohmann::ordered_json& row : rows) {
    TAMIS_ASSIGN_OR_RETURN(std::vector<std::int32_t> ids,
                           read_row(row, fmt::format("{}: input_ids[{}]", path, result.size())));
    result.push_back(std::move(ids));
  }
  return result;
}

}  // namespace tamis::apps
