#include <algorithm>
#include <map>

#include <fmt/format.h>

#include "tests/harness/html.h"
#include "tests/parity/formats.h"

namespace tamis::parity {
namespace {

std::string escape(const std::string& text) { return harness::escape_html(text); }

constexpr const char* kHead = R"(<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>tamis parity</title>
<style>
body { font: 14px/1.4 sans-serif; margin: 2em auto; max-width: 1200px; color: #222; }
table { border-collapse: collapse; margin-bottom: 1em; }
td, th { padding: 2px 8px; border-bottom: 1px solid #ddd; text-align: left; vertical-align: top; }
td.n { text-align: right; font-variant-numeric: tabular-nums; }
td.passed { background: #eaf6ec; } td.failed { background: #fbe3e3; } td.none { color: #999; }
small { color: #666; } code { font-size: 12px; }
</style></head><body>
<h1>tamis parity</h1>
)";

// What one op is worth on one device in one dtype, over all rows and cases.
struct Cell {
  Totals totals;
  double worst = 0, allowed = -1;
  std::string row, case_name;  // of the worst error
};

void add(const CaseRecord& record, Cell& cell) {
  switch (record.verdict) {
    case Verdict::kPassed: ++cell.totals.passed; break;
    case Verdict::kFailed: ++cell.totals.failed; break;
    case Verdict::kSkipped: ++cell.totals.skipped; return;
    case Verdict::kExpectedFailure: ++cell.totals.expected_failures; break;
  }
  if (record.worst < cell.worst && !cell.row.empty()) return;
  cell.worst = record.worst;
  cell.allowed = record.allowed;
  cell.row = record.row;
  cell.case_name = record.case_name;
}

std::string cell_html(const Cell& cell) {
  if (cell.row.empty()) return "<td class=\"none\">no row</td>";
  const std::string allowed = cell.allowed < 0 ? "the case's own" : fmt::format("{:.2g}", cell.allowed);
  std::string html = fmt::format("<td class=\"{}\" title=\"{} {}, allowed: {}\">{:.2g}<br><small>{} passed",
                                 cell.totals.failed > 0 ? "failed" : "passed", escape(cell.row),
                                 escape(cell.case_name), allowed, cell.worst, cell.totals.passed);
  if (cell.totals.failed > 0) html += fmt::format(", <b>{} failed</b>", cell.totals.failed);
  if (cell.totals.expected_failures > 0)
    html += fmt::format(", {} fail as expected", cell.totals.expected_failures);
  return html + "</small></td>";
}

// A line an op and dtype, a column a device.
std::string matrix(const Report& report) {
  std::vector<std::string> ops;
  std::map<std::string, std::map<std::string, std::map<std::string, Cell>>> cells;  // op, dtypes, device
  for (const CaseRecord& record : report.cases) {
    if (std::find(ops.begin(), ops.end(), record.op) == ops.end()) ops.push_back(record.op);
    add(record, cells[record.op][record.dtypes][record.device]);
  }
  std::string html =
      "<h2>Worst error</h2>\n<p>Of any element of any row and case, |found - oracle| / (|oracle| + rms). "
      "Hover for the row, the case and what its contract allows.</p>\n<table><tr><th>op</th><th>dtype</th>";
  for (const DeviceRecord& device : report.devices) html += fmt::format("<th>{}</th>", escape(device.spec));
  html += "</tr>\n";
  for (const std::string& op : ops) {
    for (auto& [dtypes, by_device] : cells[op]) {
      html += fmt::format("<tr><td>{}</td><td>{}</td>", escape(op), escape(dtypes));
      for (const DeviceRecord& device : report.devices) html += cell_html(by_device[device.spec]);
      html += "</tr>\n";
    }
  }
  return html + "</table>\n";
}

std::string failures(const Report& report) {
  std::string lines;
  const auto line = [&](const std::string& what, const std::string& message, const std::string& command) {
    lines += fmt::format("<tr><td>{}</td><td>{}{}</td></tr>\n", escape(what), escape(message),
                         command.empty() ? "" : "<br><code>" + escape(command) + "</code>");
  };
  for (const CaseRecord& r : report.cases) {
    if (r.verdict == Verdict::kFailed)
      line(fmt::format("{} on {}, {}", r.row, r.device, r.case_name), r.message, repro(r, report.seed));
  }
  for (const PairRecord& p : report.pairs) {
    if (!p.failure.empty())
      line(
          fmt::format("{} on {} against {} on {}, {}", p.row_a, p.device_a, p.row_b, p.device_b, p.case_name),
          p.failure, repro(p, report.seed));
  }
  for (const std::string& problem : report.problems) line("expectation", problem, "");
  return lines.empty() ? "" : "<h2>Failures</h2>\n<table>" + lines + "</table>\n";
}

std::string pairs(const Report& report) {
  if (report.pairs.empty()) return {};
  std::string html =
      "<h2>Against each other</h2>\n<table><tr><th>row</th><th>against</th><th>cases</th><th>equal bits</th>"
      "<th>worst difference</th><th>normalised</th><th>selected keys that differ</th><th>band</th></tr>\n";
  for (const PairSummary& p : summarise_pairs(report)) {
    html += fmt::format(
        "<tr><td>{} on {}</td><td>{} on {}</td><td class=\"n\">{}</td><td class=\"n\">{}</td>"
        "<td class=\"n {}\">{:.2g}</td><td class=\"n\">{:.2g}</td><td class=\"n\">{}</td><td "
        "class=\"n\">{:.2g}</td>"
        "</tr>\n",
        escape(p.row_a), escape(p.device_a), escape(p.row_b), escape(p.device_b), p.cases, p.same_bits,
        p.failed > 0 ? "failed" : "passed", p.worst, p.normalised, p.keys, p.band);
  }
  return html + "</table>\n";
}

std::string rows(const Report& report) {
  std::string html =
      "<h2>Rows</h2>\n<table><tr><th>device</th><th>row</th><th>passed</th><th>failed</th><th>skipped</th>"
      "<th>worst error</th><th>normalised</th><th>worst case</th></tr>\n";
  for (const RowSummary& r : summarise_rows(report)) {
    html += fmt::format(
        "<tr><td>{}</td><td>{}</td><td class=\"n\">{}</td><td class=\"n\">{}</td><td class=\"n\">{}</td>"
        "<td class=\"n\">{:.2g}</td><td class=\"n\">{:.2g}</td><td>{}</td></tr>\n",
        escape(r.device), escape(r.row), r.totals.passed, r.totals.failed, r.totals.skipped, r.worst,
        r.normalised, escape(r.worst_case));
  }
  return html + "</table>\n";
}

}  // namespace

std::string report_html(const Report& report) {
  std::string html = kHead;
  for (const DeviceRecord& device : report.devices)
    html += fmt::format("<div><b>{}</b>: {} {}</div>\n", escape(device.spec), escape(device.name),
                        escape(device.driver));
  const Totals totals = count(report);
  html += fmt::format("<p>{} passed, {} failed, {} skipped, {} failed as expected; seed {}.</p>\n",
                      totals.passed, totals.failed, totals.skipped, totals.expected_failures, report.seed);
  html += failures(report) + matrix(report) + pairs(report) + rows(report);
  for (const std::string& note : report.notes) html += fmt::format("<div>{}</div>\n", escape(note));
  return html + "</body></html>\n";
}

}  // namespace tamis::parity
