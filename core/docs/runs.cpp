#include "core/docs/runs.h"

#include <algorithm>
#include <array>

#include <nlohmann/json.hpp>

#include "core/checkpoint/json_fields.h"

namespace tamis {
namespace {

constexpr std::array<std::string_view, 3> kHow = {"hardware", "software", "emulation"};  // best first

std::size_t rank_of(const RunRecord& record) {
  return static_cast<std::size_t>(std::find(kHow.begin(), kHow.end(), record.how) - kHow.begin());
}

bool is_date(const std::string& text) {
  if (text.size() != 10) return false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const bool dash = i == 4 || i == 7;
    if (dash ? text[i] != '-' : (text[i] < '0' || text[i] > '9')) return false;
  }
  return true;
}

Result<RunRecord> parse_record(const nlohmann::json& json, const std::string& where) {
  JsonFields fields(json, where);
  RunRecord record;
  const auto text = [&](const char* name) {
    std::string value = fields.string_or(name, "");
    if (value.empty()) fields.fail_missing(name);
    return value;
  };
  record.backend = text("backend");
  record.device = text("device");
  record.how = text("how");
  record.date = text("date");
  record.rows = fields.strings("rows");
  if (record.rows.empty()) fields.fail_missing("rows");
  TAMIS_RETURN_IF_ERROR(fields.status());
  if (rank_of(record) == kHow.size())
    return corrupt_data("{}: how: expected hardware, software or emulation, found {}", where, record.how);
  if (!is_date(record.date))
    return corrupt_data("{}: date: expected YYYY-MM-DD, found {}", where, record.date);
  return record;
}

}  // namespace

bool RunRecord::names(std::string_view row) const {
  return std::any_of(rows.begin(), rows.end(), [&](const std::string& entry) {
    if (!entry.ends_with('*')) return row == entry;
    return row.starts_with(std::string_view(entry).substr(0, entry.size() - 1));
  });
}

Result<std::vector<RunRecord>> parse_runs(std::string_view text, const std::string& where) {
  constexpr int kMaxDepth = 3;
  TAMIS_ASSIGN_OR_RETURN(const nlohmann::json json, parse_json(text, where, kMaxDepth));
  if (!json.is_array())
    return corrupt_data("{}: expected an array of records, found {}", where, describe_json(json));
  std::vector<RunRecord> records;
  for (std::size_t i = 0; i < json.size(); ++i) {
    TAMIS_ASSIGN_OR_RETURN(RunRecord record, parse_record(json[i], fmt::format("{}: [{}]", where, i)));
    records.push_back(std::move(record));
  }
  return records;
}

const RunRecord* best_run(const std::vector<RunRecord>& runs, std::string_view row) {
  const RunRecord* best = nullptr;
  for (const RunRecord& record : runs) {
    if (record.names(row) && (best == nullptr || rank_of(record) < rank_of(*best))) best = &record;
  }
  return best;
}

}  // namespace tamis
