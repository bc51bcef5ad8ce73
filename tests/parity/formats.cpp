#include "tests/parity/formats.h"

#include <cmath>
#include <map>

#include <fmt/format.h>

namespace tamis::parity {
namespace {

using Json = nlohmann::ordered_json;

// A row that is wrong everywhere needs few examples.
constexpr int kMostExamples = 5;

std::string failures_text(const Report& part, bool verbose) {
  std::string text;
  std::map<std::string, int> shown;
  const auto add = [&](const std::string& what, const std::string& message, const std::string& command) {
    const int n = ++shown[what];
    if (verbose || n <= kMostExamples)
      text += fmt::format("FAIL {}, {}\n  repro: {}\n", what, message, command);
    else if (n == kMostExamples + 1)
      text += fmt::format("FAIL {}: more, see --verbose\n", what);
  };
  for (const CaseRecord& r : part.cases) {
    if (r.verdict != Verdict::kFailed) continue;
    add(fmt::format("{} on {}", r.row, r.device),
        fmt::format("case {} ({}): {}", r.number, r.case_name, r.message), repro(r, part.seed));
  }
  for (const PairRecord& p : part.pairs) {
    if (p.failure.empty()) continue;
    add(fmt::format("{} on {} against {} on {}", p.row_a, p.device_a, p.row_b, p.device_b),
        fmt::format("case {} ({}): {}", p.number, p.case_name, p.failure), repro(p, part.seed));
  }
  for (const std::string& problem : part.problems) text += fmt::format("FAIL {}\n", problem);
  return text;
}

std::string skips_text(const Report& part, const RowSummary& row) {
  std::map<std::string, int> reasons;
  std::string text;
  for (const CaseRecord& record : part.cases) {
    if (record.row != row.row || record.device != row.device) continue;
    if (record.verdict == Verdict::kSkipped) ++reasons[record.message];
    if (record.verdict == Verdict::kExpectedFailure)
      text += fmt::format("    case {} ({}): {}\n", record.number, record.case_name, record.message);
  }
  for (const auto& [reason, n] : reasons) text += fmt::format("    skipped {}: {}\n", n, reason);
  return text;
}

std::string pair_text(const PairSummary& pair) {
  std::string text =
      fmt::format("  {} on {} against {} on {}: {} cases, {} with equal bits, {} failed", pair.row_a,
                  pair.device_a, pair.row_b, pair.device_b, pair.cases, pair.same_bits, pair.failed);
  if (pair.same_bits < pair.cases)
    text += fmt::format("; worst difference {:.2g}, normalised {:.2g}", pair.worst, pair.normalised);
  if (pair.keys > 0)
    text += fmt::format("; {} selected keys differ, within {:.2g} of the threshold", pair.keys, pair.band);
  return text + "\n";
}

// JSON has no infinity.
Json number(double value) {
  if (std::isfinite(value)) return value;
  return std::isnan(value) ? "nan" : value > 0 ? "inf" : "-inf";
}

Json to_json(const CaseRecord& record, std::uint64_t seed) {
  Json json{{"op", record.op},
            {"row", record.row},
            {"device", record.device},
            {"case", record.case_name},
            {"number", record.number},
            {"dtypes", record.dtypes},
            {"verdict", verdict_name(record.verdict)}};
  if (record.verdict != Verdict::kSkipped) {
    json["worst"] = number(record.worst);
    json["normalised"] = number(record.normalised);
    json["allowed"] = record.allowed < 0 ? Json() : Json(record.allowed);
  }
  if (!record.message.empty()) json["message"] = record.message;
  if (record.verdict == Verdict::kFailed) json["repro"] = repro(record, seed);
  return json;
}

Json to_json(const PairRecord& pair, std::uint64_t seed) {
  Json json{{"op", pair.op},
            {"case", pair.case_name},
            {"number", pair.number},
            {"a", {{"row", pair.row_a}, {"device", pair.device_a}}},
            {"b", {{"row", pair.row_b}, {"device", pair.device_b}}},
            {"same_bits", pair.same_bits},
            {"worst", number(pair.worst)},
            {"normalised", number(pair.normalised)}};
  if (pair.keys > 0) {
    json["keys"] = pair.keys;
    json["tokens"] = pair.tokens;
    json["band"] = number(pair.band);
  }
  if (!pair.failure.empty()) {
    json["failure"] = pair.failure;
    json["repro"] = repro(pair, seed);
  }
  return json;
}

}  // namespace

std::string op_text(const Report& part, bool verbose) {
  std::string text = failures_text(part, verbose);
  for (const RowSummary& row : summarise_rows(part)) {
    text += fmt::format(
        "{:<8} {:<40} {:>4} passed {:>3} failed {:>3} skipped  worst error {:.2g}, normalised {:.2g}",
        row.device, row.row, row.totals.passed, row.totals.failed, row.totals.skipped, row.worst,
        row.normalised);
    if (row.totals.expected_failures > 0)
      text += fmt::format(", {} fail as expected", row.totals.expected_failures);
    text += "\n";
    if (verbose) text += skips_text(part, row);
  }
  for (const PairSummary& pair : summarise_pairs(part)) text += pair_text(pair);
  return text;
}

std::string summary_text(const Report& report, bool verbose) {
  std::string text;
  for (const DeviceRecord& device : report.devices) {
    text += fmt::format("{}: {}{}\n", device.spec, device.name,
                        device.driver.empty() ? "" : ", driver " + device.driver);
  }
  if (verbose) {
    for (const std::string& note : report.notes) text += note + "\n";
  }
  const Totals totals = count(report);
  text += fmt::format("{} passed, {} failed, {} skipped", totals.passed, totals.failed, totals.skipped);
  if (totals.expected_failures > 0) text += fmt::format(", {} failed as expected", totals.expected_failures);
  return text + "\n";
}

Json report_json(const Report& report) {
  Json devices = Json::array(), cases = Json::array(), pairs = Json::array();
  for (const DeviceRecord& device : report.devices)
    devices.push_back({{"device", device.spec}, {"name", device.name}, {"driver", device.driver}});
  for (const CaseRecord& record : report.cases) cases.push_back(to_json(record, report.seed));
  for (const PairRecord& pair : report.pairs) pairs.push_back(to_json(pair, report.seed));
  const Totals totals = count(report);
  return {{"seed", report.seed},         {"devices", std::move(devices)},
          {"passed", totals.passed},     {"failed", totals.failed},
          {"skipped", totals.skipped},   {"expected_failures", totals.expected_failures},
          {"problems", report.problems}, {"notes", report.notes},
          {"cases", std::move(cases)},   {"pairs", std::move(pairs)}};
}

}  // namespace tamis::parity
