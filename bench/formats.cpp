#include "bench/formats.h"

#include <cmath>
#include <type_traits>

#include <nlohmann/json.hpp>

#include "bench/markdown.h"
#include "core/checkpoint/json_fields.h"

namespace tamis::bench {
namespace {

using Json = nlohmann::ordered_json;

constexpr int kMaxDepth = 5;       // array, object, shares, share
constexpr double kLargest = 1e30;  // of any number in a row
constexpr std::size_t kMostSamples = 1000000;

Json to_json(const Row& row) {
  Json json = Json::object();
  visit_fields(row, [&](const char* name, const auto& field) { json[name] = field; });
  json["samples_us"] = row.samples_us;
  json["rounds_us"] = row.rounds_us;
  if (row.shares.empty()) return json;
  Json shares = Json::array();
  for (const Share& s : row.shares)
    shares.push_back({{"op", s.op}, {"kernel", s.kernel}, {"us", s.us}, {"percent", s.percent}});
  json["shares"] = std::move(shares);
  return json;
}

// Strings may hold what a driver made of a device's name: invalid UTF-8 is replaced.
std::string dump(const Json& json) { return json.dump(-1, ' ', false, Json::error_handler_t::replace); }

void read_field(JsonFields& fields, const char* name, std::string& field) {
  field = fields.string_or(name, "");
}
void read_field(JsonFields& fields, const char* name, bool& field) { field = fields.boolean_or(name, false); }
void read_field(JsonFields& fields, const char* name, double& field) {
  field = fields.number_or(name, 0, {0, kLargest});
}
void read_field(JsonFields& fields, const char* name, std::int64_t& field) {
  field = fields.integer_or(name, 0, {0, std::int64_t{1} << 40});
}

Status read_times(JsonFields& fields, const char* name, std::vector<double>& times) {
  const nlohmann::json* list = fields.find(name);
  if (list == nullptr) return {};
  if (!list->is_array() || list->size() > kMostSamples)
    return corrupt_data("{}: {}: expected a list of numbers, found {}", fields.where(), name,
                        describe_json(*list));
  for (const nlohmann::json& one : *list) {
    const double value = one.is_number() ? one.get<double>() : -1;
    if (!(value >= 0 && value <= kLargest))
      return corrupt_data("{}: {}: expected a time, found {}", fields.where(), name, describe_json(one));
    times.push_back(value);
  }
  return {};
}

Status read_shares(JsonFields& fields, Row& row) {
  const nlohmann::json* list = fields.find("shares");
  if (list == nullptr) return {};
  if (!list->is_array() || list->size() > kMostSamples)
    return corrupt_data("{}: shares: expected a list, found {}", fields.where(), describe_json(*list));
  for (const nlohmann::json& one : *list) {
    JsonFields share(one, fields.where() + ": shares");
    row.shares.push_back({share.string_or("op", ""), share.string_or("kernel", ""),
                          share.number_or("us", 0, {0, kLargest}),
                          share.number_or("percent", 0, {0, 100.1})});
    TAMIS_RETURN_IF_ERROR(share.status());
  }
  return {};
}

Result<Row> from_json(const nlohmann::json& json, const std::string& where) {
  JsonFields fields(json, where);
  Row row;
  visit_fields(row, [&](const char* name, auto& field) { read_field(fields, name, field); });
  TAMIS_RETURN_IF_ERROR(fields.status());
  TAMIS_RETURN_IF_ERROR(read_times(fields, "samples_us", row.samples_us));
  TAMIS_RETURN_IF_ERROR(read_times(fields, "rounds_us", row.rounds_us));
  TAMIS_RETURN_IF_ERROR(read_shares(fields, row));
  if (row.op.empty() || row.case_name.empty() || (row.kernel.empty() && is_op(row)) || !(row.median_us > 0))
    return corrupt_data("{}: not a row of tamis bench: op, case, kernel and median_us are needed", where);
  return row;
}

Result<std::vector<Row>> read_array(std::string_view text, const std::string& name) {
  TAMIS_ASSIGN_OR_RETURN(const nlohmann::json json, parse_json(text, name, kMaxDepth));
  if (!json.is_array())
    return corrupt_data("{}: expected a list of rows, found {}", name, describe_json(json));
  std::vector<Row> rows;
  for (std::size_t i = 0; i < json.size(); ++i) {
    TAMIS_ASSIGN_OR_RETURN(Row row, from_json(json[i], fmt::format("{}: row {}", name, i + 1)));
    rows.push_back(std::move(row));
  }
  return rows;
}

Result<std::vector<Row>> read_lines(std::string_view text, const std::string& name) {
  std::vector<Row> rows;
  for (int line = 1; !text.empty(); ++line) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    const std::string_view one = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    if (one.find_first_not_of(" \t\r") == std::string_view::npos) continue;
    const std::string where = fmt::format("{}: line {}", name, line);
    TAMIS_ASSIGN_OR_RETURN(const nlohmann::json json, parse_json(one, where, kMaxDepth));
    TAMIS_ASSIGN_OR_RETURN(Row row, from_json(json, where));
    rows.push_back(std::move(row));
  }
  return rows;
}

std::string csv_head() {
  std::string text;
  const Row row;
  visit_fields(row, [&](const char* name, const auto&) {
    text += fmt::format("{}{}", text.empty() ? "" : ",", name);
  });
  return text + "\n";
}

std::string csv_line(const Row& row) {
  std::string text;
  bool first = true;
  visit_fields(row, [&](const char*, const auto& field) {
    using Field = std::decay_t<decltype(field)>;
    if (!first) text += ",";
    first = false;
    if constexpr (std::is_same_v<Field, std::string>) {
      text += csv_field(field);
    } else {
      text += fmt::format("{}", field);
    }
  });
  return text + "\n";
}

}  // namespace

Result<Format> parse_format(const std::string& name) {
  if (name == "md") return Format::kMarkdown;
  if (name == "csv") return Format::kCsv;
  if (name == "json") return Format::kJson;
  if (name == "jsonl") return Format::kJsonLines;
  return invalid_argument("format: expected md, csv, json or jsonl, found {}", name);
}

std::string RowWriter::add(const Row& row) {
  const bool first = rows_++ == 0;
  switch (format_) {
    case Format::kMarkdown: {
      const char* kind = is_op(row) ? "op" : row.op.c_str();
      const bool device = first || row.device != device_;
      const bool head = device || kind != kind_;
      device_ = row.device;
      kind_ = kind;
      return fmt::format("{}{}{}{}", head && !first ? "\n" : "", device ? markdown_machine(row) : "",
                         head ? markdown_head(row) : "", markdown_line(row));
    }
    case Format::kCsv: return (first ? csv_head() : "") + csv_line(row);
    case Format::kJson: return (first ? "[\n" : ",\n") + dump(to_json(row));
    case Format::kJsonLines: return dump(to_json(row)) + "\n";
  }
  return {};
}

std::string RowWriter::end() const {
  switch (format_) {
    case Format::kMarkdown: return kind_ == "op" ? "\n`*`: the row that the planner takes.\n" : "";
    case Format::kJson: return rows_ > 0 ? "\n]\n" : "[]\n";
    default: return "";
  }
}

Result<std::vector<Row>> read_rows(std::string_view text, const std::string& name) {
  const std::size_t first = text.find_first_not_of(" \t\r\n");
  if (first == std::string_view::npos) return corrupt_data("{}: empty", name);
  return text[first] == '[' ? read_array(text, name) : read_lines(text, name);
}

std::string format_time(double microseconds) {
  if (microseconds >= 1e6) return fmt::format("{:.3g} s", microseconds * 1e-6);
  if (microseconds >= 1e3) return fmt::format("{:.3g} ms", microseconds * 1e-3);
  return fmt::format("{:.3g} us", microseconds);
}

std::string markdown_cell(const std::string& text) {
  std::string cell;
  for (char c : text) {
    if (c == '|') cell += '\\';
    cell += static_cast<unsigned char>(c) < ' ' ? ' ' : c;
  }
  return cell;
}

std::string csv_field(const std::string& text) {
  if (text.find_first_of(",\"\r\n") == std::string::npos) return text;
  std::string field = "\"";
  for (char c : text) {
    if (c == '"') field += '"';
    field += c;
  }
  return field + "\"";
}

}  // namespace tamis::bench
