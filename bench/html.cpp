// The page of `tamis bench compare --html`: plain HTML with SVG drawn here, so that it opens from a disk.
#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include "bench/compare.h"
#include "bench/formats.h"
#include "tests/harness/html.h"

namespace tamis::bench {
namespace {

constexpr const char* kColours[] = {"#1f77b4", "#d62728", "#2ca02c", "#9467bd", "#ff7f0e", "#17becf"};

const char* colour(std::size_t file) { return kColours[file % std::size(kColours)]; }

std::string escape(const std::string& text) { return harness::escape_html(text); }

constexpr const char* kHead = R"(<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>tamis bench</title>
<style>
body { font: 14px/1.4 sans-serif; margin: 2em auto; max-width: 1100px; color: #222; }
table { border-collapse: collapse; } td, th { padding: 2px 8px; border-bottom: 1px solid #ddd; text-align: left; }
td.n { text-align: right; font-variant-numeric: tabular-nums; }
.faster { color: #1a7f37; } .slower { color: #c62828; } .unclear, .refused { color: #8a6d00; }
svg text { font-size: 11px; fill: #333; } .grid { stroke: #e4e4e4; } .key { display: inline-block; width: 1em; height: 1em; }
</style></head><body>
<h1>tamis bench</h1>
)";

// A logarithmic axis of whole decades over the data.
struct LogAxis {
  double low = 0, high = 1;  // exponents of ten
  double begin, end;         // pixels

  double at(double value) const { return begin + (std::log10(value) - low) / (high - low) * (end - begin); }
};

LogAxis make_axis(const std::vector<double>& values, double begin, double end) {
  LogAxis axis{.begin = begin, .end = end};
  if (values.empty()) return axis;
  const auto [least, most] = std::minmax_element(values.begin(), values.end());
  axis.low = std::floor(std::log10(*least));
  axis.high = std::max(axis.low + 1, std::ceil(std::log10(*most)));
  return axis;
}

std::string decade(double exponent) {
  return exponent >= -3 && exponent <= 4 ? fmt::format("{:g}", std::pow(10.0, exponent))
                                         : fmt::format("1e{:.0f}", exponent);
}

bool plottable(const Row& row) { return row.flops > 0 && row.bytes > 0 && row.tflops > 0; }

// Rises with the memory ceiling up to the matrix ceiling.
std::string roof(const Row& row, std::size_t file, const LogAxis& x, const LogAxis& y) {
  const double memory = memory_ceiling(row) * 1e-3, matrix = arithmetic_ceiling(row);
  if (memory <= 0 || matrix <= 0) return {};
  std::string points;
  for (int step = 0; step <= 200; ++step) {
    const double intensity = std::pow(10.0, x.low + (x.high - x.low) * step / 200);
    const double height = std::min(intensity * memory, matrix);
    if (std::log10(height) < y.low || std::log10(height) > y.high) continue;
    points += fmt::format("{:.1f},{:.1f} ", x.at(intensity), y.at(height));
  }
  return fmt::format("<polyline points=\"{}\" fill=\"none\" stroke=\"{}\" stroke-width=\"1.5\"/>\n", points,
                     colour(file));
}

std::string grid(const LogAxis& x, const LogAxis& y) {
  std::string svg;
  for (double e = x.low; e <= x.high; ++e) {
    const double at = x.at(std::pow(10.0, e));
    svg += fmt::format(
        "<line class=\"grid\" x1=\"{0:.1f}\" x2=\"{0:.1f}\" y1=\"{1}\" y2=\"{2}\"/>"
        "<text x=\"{0:.1f}\" y=\"{3}\" text-anchor=\"middle\">{4}</text>\n",
        at, y.begin, y.end, y.begin + 16, decade(e));
  }
  for (double e = y.low; e <= y.high; ++e) {
    const double at = y.at(std::pow(10.0, e));
    svg += fmt::format(
        "<line class=\"grid\" x1=\"{1}\" x2=\"{2}\" y1=\"{0:.1f}\" y2=\"{0:.1f}\"/>"
        "<text x=\"{3}\" y=\"{0:.1f}\" text-anchor=\"end\">{4}</text>\n",
        at, x.begin, x.end, x.begin - 6, decade(e));
  }
  return svg;
}

std::string roofline_plot(const std::vector<RowFile>& files) {
  std::vector<double> intensities, rates;
  for (const RowFile& file : files) {
    for (const Row& row : file.rows) {
      if (!plottable(row)) continue;
      intensities.push_back(row.flops / row.bytes);
      rates.push_back(row.tflops);
      if (arithmetic_ceiling(row) > 0) rates.push_back(arithmetic_ceiling(row));
    }
  }
  const LogAxis x = make_axis(intensities, 60, 1060), y = make_axis(rates, 480, 20);
  std::string svg =
      "<h2>Roofline</h2>\n<p>TFLOPS over FLOPs per byte, both as the op counts them. Lines: the "
      "ceilings measured in the same run.</p>\n<svg viewBox=\"0 0 1080 520\" width=\"100%\">\n";
  svg += grid(x, y);
  for (std::size_t f = 0; f < files.size(); ++f) {
    if (!files[f].rows.empty()) svg += roof(files[f].rows.front(), f, x, y);
    for (const Row& row : files[f].rows) {
      if (!plottable(row)) continue;
      svg += fmt::format(
          "<circle cx=\"{:.1f}\" cy=\"{:.1f}\" r=\"4\" fill=\"{}\" fill-opacity=\"{}\">"
          "<title>{} {} {}: {}, {:.3g} TFLOPS, {:.1f} % of floor</title></circle>\n",
          x.at(row.flops / row.bytes), y.at(row.tflops), colour(f), row.chosen ? "0.9" : "0.35",
          escape(row.op), escape(row.case_name), escape(row.kernel), format_time(row.median_us), row.tflops,
          row.floor_percent);
    }
  }
  return svg + "</svg>\n";
}

// Two bars a line, as long as the time, the longer one full width; the mark is the floor.
std::string bar(const Row& row, std::size_t file, double longest, double y) {
  constexpr double kLeft = 420, kWidth = 480;
  const double length = kWidth * row.median_us / longest;
  std::string svg = fmt::format("<rect x=\"{}\" y=\"{:.0f}\" width=\"{:.1f}\" height=\"9\" fill=\"{}\"/>",
                                kLeft, y, length, colour(file));
  if (row.floor_us > 0 && row.floor_us < longest)
    svg += fmt::format("<rect x=\"{:.1f}\" y=\"{:.0f}\" width=\"2\" height=\"9\" fill=\"#000\"/>",
                       kLeft + kWidth * row.floor_us / longest, y);
  return svg + fmt::format("<text x=\"{:.1f}\" y=\"{:.0f}\">{}</text>\n", kLeft + length + 4, y + 9,
                           format_time(row.median_us));
}

std::string bars(const CompareResult& result) {
  std::string body;
  double y = 4;
  for (const Comparison& line : result.lines) {
    if (line.verdict == Verdict::kRefused) continue;
    const Row &a = *line.base, &b = *line.other;
    const double longest = std::max(a.median_us, b.median_us);
    body += fmt::format("<text x=\"410\" y=\"{:.0f}\" text-anchor=\"end\">{} {} {}</text>\n", y + 14,
                        escape(a.op), escape(a.case_name), escape(a.kernel));
    body += bar(a, 0, longest, y) + bar(b, line.file, longest, y + 10);
    y += 26;
  }
  if (body.empty()) return {};
  return fmt::format(
      "<h2>Times</h2>\n<p>Each pair in its own scale; black marks: the floor.</p>\n"
      "<svg viewBox=\"0 0 1080 {0:.0f}\" width=\"100%\">\n{1}</svg>\n",
      y, body);
}

const char* verdict_class(Verdict verdict) {
  switch (verdict) {
    case Verdict::kFaster: return "faster";
    case Verdict::kSlower: return "slower";
    case Verdict::kUnclear: return "unclear";
    case Verdict::kRefused: return "refused";
    case Verdict::kSame: return "same";
  }
  return "";
}

std::string comparison_table(const std::vector<RowFile>& files, const CompareResult& result) {
  if (result.lines.empty()) return {};
  std::string html =
      "<h2>Comparison</h2>\n<table><tr><th>op</th><th>case</th><th>kernel "
      "rows</th><th>against</th><th>base</th>"
      "<th>other</th><th>ratio</th><th>verdict</th><th>why</th></tr>\n";
  for (const Comparison& line : result.lines) {
    const Row &a = *line.base, &b = *line.other;
    html += fmt::format(
        "<tr><td>{}</td><td>{}</td><td>{}{}</td><td>{}</td><td class=\"n\">{}</td><td class=\"n\">{}</td>"
        "<td class=\"n\">{}</td><td class=\"{}\">{}</td><td>{}</td></tr>\n",
        escape(a.op), escape(a.case_name), escape(a.kernel),
        a.kernel == b.kernel ? "" : " / " + escape(b.kernel), escape(files[line.file].name),
        format_time(a.median_us), format_time(b.median_us),
        line.ratio > 0 ? fmt::format("{:.3f}", line.ratio) : "-", verdict_class(line.verdict),
        verdict_name(line.verdict), escape(line.why));
  }
  html += "</table>\n";
  for (const std::string& line : result.unmatched) html += "<div>" + escape(line) + "</div>\n";
  return html;
}

std::string file_table(const RowFile& file) {
  std::string html = fmt::format(
      "<h2>{}</h2>\n<table><tr><th>op</th><th>case</th><th>kernel row</th><th>median</th><th>stdev</th>"
      "<th>TFLOPS</th><th>GB/s</th><th>% floor</th><th>flush</th><th>notes</th></tr>\n",
      escape(file.name));
  for (const Row& row : file.rows) {
    html += fmt::format(
        "<tr><td>{}</td><td title=\"{}\">{}</td><td>{}{}</td><td class=\"n\">{}</td><td class=\"n\">{}</td>"
        "<td class=\"n\">{:.4g}</td><td class=\"n\">{:.4g}</td><td class=\"n\">{:.1f}</td><td>{}</td><td>{} "
        "<b>{}</b></td></tr>\n",
        escape(row.op), escape(row.shape), escape(row.case_name), escape(row.kernel), row.chosen ? " *" : "",
        format_time(row.median_us), format_time(row.stdev_us), row.tflops, row.gbs, row.floor_percent,
        escape(row.flush), escape(row.note), escape(row.warnings));
  }
  return html + "</table>\n";
}

std::string legend(const std::vector<RowFile>& files) {
  std::string html;
  for (std::size_t f = 0; f < files.size(); ++f) {
    const Row machine = files[f].rows.empty() ? Row{} : files[f].rows.front();
    html += fmt::format(
        "<div><span class=\"key\" style=\"background:{}\"></span> <b>{}</b>{}: {}, {} cores, driver {}, "
        "commit {}, {}; "
        "{}</div>\n",
        colour(f), escape(files[f].name), f == 0 && files.size() > 1 ? " (base)" : "", escape(machine.device),
        machine.cores, escape(machine.driver), escape(machine.commit), escape(machine.build),
        escape(describe_ceilings(machine)));
  }
  return html;
}

}  // namespace

std::string compare_html(const std::vector<RowFile>& files, const CompareResult& result) {
  std::string html =
      kHead + legend(files) + roofline_plot(files) + bars(result) + comparison_table(files, result);
  for (const RowFile& file : files) html += file_table(file);
  return html + "</body></html>\n";
}

}  // namespace tamis::bench
