// The page of `tamis bench compare --html`: plain HTML with SVG, so that it opens from a disk; light or dark
// as the reader's system is.
#include <fmt/format.h>

#include "bench/formats.h"
#include "bench/html_plots.h"

namespace tamis::bench {
namespace {

constexpr const char* kHead = R"(<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<meta name="color-scheme" content="light dark"><title>tamis bench</title>
<style>
:root { --text: #222; --dim: #666; --back: #fff; --line: #ddd; --good: #1a7f37; --bad: #c62828; --care: #8a6d00;
  --f0: #1f77b4; --f1: #e07b00; --f2: #2ca02c; --f3: #9467bd; --f4: #d62728; --f5: #17becf; }
@media (prefers-color-scheme: dark) { :root { --text: #ddd; --dim: #999; --back: #16181c; --line: #3a3d44;
  --good: #5fcf7d; --bad: #ff7b72; --care: #d9b44a;
  --f0: #5ba8e0; --f1: #ffa94d; --f2: #69c96b; --f3: #b99ae0; --f4: #f07178; --f5: #56d4e4; } }
body { font: 14px/1.4 sans-serif; margin: 2em auto; padding: 0 1em; max-width: 1200px; color: var(--text);
  background: var(--back); }
.wide { overflow-x: auto; }
table { border-collapse: collapse; font-size: 13px; }
td, th { padding: 2px 8px; border-bottom: 1px solid var(--line); text-align: left; vertical-align: top; }
td { overflow-wrap: anywhere; } td.n, th.n, td.v { text-align: right; white-space: nowrap;
  overflow-wrap: normal; font-variant-numeric: tabular-nums; }
td.v { text-align: left; } td.name { min-width: 11em; } td.note { min-width: 14em; font-size: 12px; }
.faster { color: var(--good); fill: var(--good); } .slower { color: var(--bad); fill: var(--bad); }
.unclear, .refused { color: var(--care); fill: var(--care); } .same { color: var(--dim); fill: var(--dim); }
svg text { font-size: 12px; fill: var(--text); } svg text.dim { font-size: 10.5px; fill: var(--dim); }
svg text.faster { fill: var(--good); } svg text.slower { fill: var(--bad); }
svg text.unclear { fill: var(--care); } svg text.same { fill: var(--dim); }
.grid { stroke: var(--line); } .floor { fill: var(--text); } .roof { fill: none !important; stroke-width: 1.5; }
.mark { fill-opacity: .75; stroke-width: 1.3; } .hollow { fill-opacity: 0; }
.key { display: inline-block; width: 1em; height: 1em; vertical-align: -2px; }
.f0 { fill: var(--f0); stroke: var(--f0); } svg text.f0 { fill: var(--f0); stroke: none; } .key.f0 { background: var(--f0); }
.f1 { fill: var(--f1); stroke: var(--f1); } svg text.f1 { fill: var(--f1); stroke: none; } .key.f1 { background: var(--f1); }
.f2 { fill: var(--f2); stroke: var(--f2); } svg text.f2 { fill: var(--f2); stroke: none; } .key.f2 { background: var(--f2); }
.f3 { fill: var(--f3); stroke: var(--f3); } svg text.f3 { fill: var(--f3); stroke: none; } .key.f3 { background: var(--f3); }
.f4 { fill: var(--f4); stroke: var(--f4); } svg text.f4 { fill: var(--f4); stroke: none; } .key.f4 { background: var(--f4); }
.f5 { fill: var(--f5); stroke: var(--f5); } svg text.f5 { fill: var(--f5); stroke: none; } .key.f5 { background: var(--f5); }
</style></head><body>
<h1>tamis bench</h1>
)";

std::string comparison_table(const std::vector<RowFile>& files, const CompareResult& result) {
  if (result.lines.empty()) return {};
  std::string html =
      "<h2>Comparison</h2>\n<div class=\"wide\"><table><tr><th>op</th><th>case</th><th>kernel rows</th>"
      "<th>against</th><th class=\"n\">base</th><th class=\"n\">other</th><th class=\"n\">ratio</th>"
      "<th class=\"n\">noise</th><th>verdict</th><th>why</th></tr>\n";
  for (const Comparison& line : result.lines) {
    const Row &a = *line.base, &b = *line.other;
    html += fmt::format(
        "<tr><td class=\"v\">{}</td><td class=\"name\">{}</td><td class=\"name\">{}{}</td><td>{}</td>"
        "<td class=\"n\">{}</td><td class=\"n\">{}</td><td class=\"n\">{}</td><td class=\"n\">{:.0f} %</td>"
        "<td class=\"v {}\">{}</td><td class=\"note\">{}</td></tr>\n",
        escape_html(a.op), escape_html(a.case_name), escape_html(a.kernel),
        a.kernel == b.kernel ? "" : " / " + escape_html(b.kernel), escape_html(files[line.file].name),
        format_time(a.median_us), format_time(b.median_us),
        line.ratio > 0 ? fmt::format("{:.3f}", line.ratio) : "-", 100 * line.noise,
        verdict_class(line.verdict), verdict_name(line.verdict), escape_html(line.why));
  }
  html += "</table></div>\n";
  for (const std::string& line : result.unmatched) html += "<div>" + escape_html(line) + "</div>\n";
  return html;
}

std::string notes_of(const Row& row) {
  std::string notes = escape_html(row.note);
  if (!row.shares.empty()) notes += (notes.empty() ? "" : "<br>") + escape_html(describe_shares(row));
  if (!row.warnings.empty())
    notes +=
        fmt::format("{}<b class=\"unclear\">{}</b>", notes.empty() ? "" : "<br>", escape_html(row.warnings));
  return notes;
}

// A rate where there is one: 0 stands for unknown.
std::string number(double value, const char* unit = "") {
  return value > 0 ? fmt::format("{:.4g}{}", value, unit) : std::string();
}

std::string file_table(const RowFile& file) {
  std::string html = fmt::format(
      "<h2>{}</h2>\n<div class=\"wide\"><table><tr><th>op</th><th>case</th><th>kernel row</th>"
      "<th class=\"n\">median</th><th class=\"n\">stdev</th><th class=\"n\">tokens/s</th>"
      "<th class=\"n\">TFLOPS</th><th class=\"n\">GB/s</th><th class=\"n\">floor</th><th>flush</th>"
      "<th>notes</th></tr>\n",
      escape_html(file.name));
  for (const Row& row : file.rows) {
    html += fmt::format(
        "<tr><td class=\"v\">{}</td><td class=\"name\" title=\"{}\">{}</td><td class=\"name\">{}{}</td>"
        "<td class=\"n\">{}</td><td class=\"n\">{}</td><td class=\"n\">{}</td><td class=\"n\">{}</td>"
        "<td class=\"n\">{}</td><td class=\"n\">{}</td><td>{}</td><td class=\"note\">{}</td></tr>\n",
        escape_html(row.op), escape_html(row.shape), escape_html(row.case_name), escape_html(row.kernel),
        is_op(row) && row.chosen ? " *" : "", format_time(row.median_us), format_time(row.stdev_us),
        number(row.tokens_per_second), number(row.tflops), number(row.gbs), number(row.floor_percent, " %"),
        escape_html(row.flush), notes_of(row));
  }
  return html + "</table></div>\n";
}

std::string legend(const std::vector<RowFile>& files) {
  std::string html;
  for (std::size_t f = 0; f < files.size(); ++f) {
    const Row machine = files[f].rows.empty() ? Row{} : files[f].rows.front();
    html += fmt::format(
        "<div><span class=\"key {}\"></span> <b>{}</b>{}: {}, {} cores, driver {}, "
        "commit {}, {}; {}</div>\n",
        file_class(f), escape_html(files[f].name), f == 0 && files.size() > 1 ? " (base)" : "",
        escape_html(machine.device), machine.cores, escape_html(machine.driver), escape_html(machine.commit),
        escape_html(machine.build), escape_html(describe_ceilings(machine)));
  }
  return html;
}

}  // namespace

std::string compare_html(const std::vector<RowFile>& files, const CompareResult& result) {
  std::string html =
      kHead + legend(files) + roofline_plot(files) + bar_plot(result) + comparison_table(files, result);
  for (const RowFile& file : files) html += file_table(file);
  return html + "</body></html>\n";
}

}  // namespace tamis::bench
