#include "bench/formats.h"

#include <cmath>
#include <type_traits>

#include <nlohmann/json.hpp>

#include "core/checkpoint/json_fields.h"

namespace tamis::bench {
namespace {

using Json = nlohmann::ordered_json;

constexpr int kMaxDepth = 4;       // array, object, samples
constexpr double kLargest = 1e30;  // of any number in a row
constexpr std::size_t kMostSamples = 1000000;

Json to_json(const Row& row) {
  Json json = Json::object();
  visit_fields(row, [&](const char* name, const auto& field) { json[name] = field; });
  json["samples_us"] = row.samples_us;
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

Status read_samples(JsonFields& fields, Row& row) {
  const nlohmann::json* samples = fields.find("samples_us");
  if (samples == nullptr) return {};
  if (!samples->is_array() || samples->size() > kMostSamples)
    return corrupt_data("{}: samples_us: expected a list of numbers, found {}", fields.where(),
                        describe_json(*samples));
  for (const nlohmann::json& sample : *samples) {
    const double value = sample.is_number() ? sample.get<double>() : -1;
    if (!(value >= 0 && value <= kLargest))
      return corrupt_data("{}: samples_us: expected a time, found {}", fields.where(), describe_json(sample));
    row.samples_us.push_back(value);
  }
  return {};
}

Result<Row> from_json(const nlohmann::json& json, const std::string& where) {
  JsonFields fields(json, where);
  Row row;
  visit_fields(row, [&](const char* name, auto& field) { read_field(fields, name, field); });
  TAMIS_RETURN_IF_ERROR(fields.status());
  TAMIS_RETURN_IF_ERROR(read_samples(fields, row));
  if (row.op.empty() || row.case_name.empty() || row.kernel.empty() || !(row.median_us > 0))
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

std::string markdown_head(const Row& row) {
  std::string text =
      fmt::format("{}, {} cores, driver {}; commit {}, {}\n", markdown_cell(row.device), row.cores,
                  row.driver.empty() ? "-" : markdown_cell(row.driver), row.commit, row.build);
  text += fmt::format("Ceilings measured here: {}.\n\n", markdown_cell(describe_ceilings(row)));
  text +=
      "| op | case | kernel row | median | mean ± stdev | min | r | TFLOPS | GB/s | % memory | % matrix | % "
      "floor | accuracy | flush | notes |\n";
  text += "|---|---|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|---|---|---|\n";
  return text;
}

std::string markdown_line(const Row& row) {
  std::string notes = row.note;
  if (!row.warnings.empty()) notes += fmt::format("{}**{}**", notes.empty() ? "" : "; ", row.warnings);
  return fmt::format(
      "| {} | {} | {}{} | {} | {} ± {} | {} | {} | {:.4g} | {:.4g} | {:.1f} | {:.1f} | {:.1f} | {} | {} | {} "
      "|\n",
      markdown_cell(row.op), markdown_cell(row.case_name), markdown_cell(row.kernel), row.chosen ? " *" : "",
      format_time(row.median_us), format_time(row.mean_us), format_time(row.stdev_us),
      format_time(row.min_us), row.repetitions, row.tflops, row.gbs, row.memory_percent, row.matrix_percent,
      row.floor_percent, row.accuracy, row.flush, markdown_cell(notes));
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
      const bool head = first || row.device != device_;
      device_ = row.device;
      return fmt::format("{}{}{}", head && !first ? "\n" : "", head ? markdown_head(row) : "",
                         markdown_line(row));
    }
    case Format::kCsv: return (first ? csv_head() : "") + csv_line(row);
    case Format::kJson: return (first ? "[\n" : ",\n") + dump(to_json(row));
    case Format::kJsonLines: return dump(to_json(row)) + "\n";
  }
  return {};
}

std::string RowWriter::end() const {
  switch (format_) {
    case Format::kMarkdown: return rows_ > 0 ? "\n`*`: the row that the planner takes.\n" : "";
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
