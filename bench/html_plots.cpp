#include "bench/html_plots.h"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include "bench/formats.h"
#include "tests/harness/html.h"

namespace tamis::bench {
namespace {

constexpr std::size_t kFileClasses = 6;

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

bool plottable(const Row& row) { return is_op(row) && row.flops > 0 && row.bytes > 0 && row.tflops > 0; }

// Rises with the memory ceiling up to the arithmetic ceiling, whose name stands at its right end; those of
// several files above each other.
std::string roof(const RowFile& named, std::size_t file, const LogAxis& x, const LogAxis& y) {
  const Row& row = named.rows.front();
  const double memory = memory_ceiling(row) * 1e-3, matrix = arithmetic_ceiling(row);
  if (memory <= 0 || matrix <= 0) return {};
  std::string points;
  for (int step = 0; step <= 200; ++step) {
    const double intensity = std::pow(10.0, x.low + (x.high - x.low) * step / 200);
    const double height = std::min(intensity * memory, matrix);
    if (std::log10(height) < y.low || std::log10(height) > y.high) continue;
    points += fmt::format("{:.1f},{:.1f} ", x.at(intensity), y.at(height));
  }
  const char* dashes = file == 0 ? "" : " stroke-dasharray=\"6 5\"";
  return fmt::format(
      "<polyline class=\"roof {0}\" points=\"{1}\"{2}/>\n<text class=\"{0}\" x=\"{3:.0f}\" y=\"{4:.0f}\" "
      "text-anchor=\"end\">{5:.3g} TFLOPS, {6:.4g} GB/s</text>\n",
      file_class(file), points, dashes, x.end, y.at(matrix) - 6 - 14 * static_cast<double>(file), matrix,
      memory * 1e3);
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
        "<text x=\"{3}\" y=\"{4:.1f}\" text-anchor=\"end\">{5}</text>\n",
        at, x.begin, x.end, x.begin - 6, at + 4, decade(e));
  }
  return svg +
         fmt::format(
             "<text x=\"{:.0f}\" y=\"{:.0f}\" text-anchor=\"middle\">FLOPs per byte</text>\n"
             "<text x=\"16\" y=\"{:.0f}\" text-anchor=\"middle\" transform=\"rotate(-90 16 {:.0f})\">TFLOPS"
             "</text>\n",
             (x.begin + x.end) / 2, y.begin + 34, (y.begin + y.end) / 2, (y.begin + y.end) / 2);
}

// Circles for the base, squares for the others; hollow: a row that the planner does not take.
std::string mark(const Row& row, std::size_t file, const LogAxis& x, const LogAxis& y) {
  const double at = x.at(row.flops / row.bytes), height = y.at(row.tflops);
  const std::string shape =
      file == 0
          ? fmt::format("<circle cx=\"{:.1f}\" cy=\"{:.1f}\" r=\"4\"", at, height)
          : fmt::format("<rect x=\"{:.1f}\" y=\"{:.1f}\" width=\"7\" height=\"7\"", at - 3.5, height - 3.5);
  return fmt::format(
      "{} class=\"mark {}{}\"><title>{} {} {}: {}, {:.3g} TFLOPS, {:.1f} % of floor</title></{}>\n", shape,
      file_class(file), row.chosen ? "" : " hollow", escape_html(row.op), escape_html(row.case_name),
      escape_html(row.kernel), format_time(row.median_us), row.tflops, row.floor_percent,
      file == 0 ? "circle" : "rect");
}

// Cut in the middle: both ends of a name tell more.
std::string shorten(const std::string& text, std::size_t most) {
  if (text.size() <= most) return text;
  const std::size_t half = (most - 3) / 2;
  return text.substr(0, half) + "..." + text.substr(text.size() - half);
}

constexpr double kLeft = 400, kWidth = 440;

// As long as the time; the mark is the floor.
std::string bar(const Row& row, std::size_t file, double longest, double y) {
  const double length = kWidth * row.median_us / longest;
  std::string svg = fmt::format("<rect class=\"{}\" x=\"{}\" y=\"{:.0f}\" width=\"{:.1f}\" height=\"10\"/>",
                                file_class(file), kLeft, y, length);
  if (row.floor_us > 0)
    svg += fmt::format("<rect class=\"floor\" x=\"{:.1f}\" y=\"{:.0f}\" width=\"2\" height=\"12\"/>",
                       kLeft + kWidth * row.floor_us / longest, y - 1);
  return svg + fmt::format("<text x=\"{:.1f}\" y=\"{:.0f}\">{}</text>\n", kLeft + length + 5, y + 9,
                           format_time(row.median_us));
}

std::string pair_of_bars(const Comparison& line, double y) {
  const Row &a = *line.base, &b = *line.other;
  const double longest = std::max(a.median_us, b.median_us);
  const std::string name = is_op(a) ? a.op + " " + a.case_name : a.case_name;
  const std::string kernels = !is_op(a)              ? a.op
                              : a.kernel == b.kernel ? a.kernel
                                                     : a.kernel + " / " + b.kernel;
  std::string svg = fmt::format(
      "<text x=\"{0}\" y=\"{1:.0f}\" text-anchor=\"end\">{2}<title>{3}</title></text>"
      "<text class=\"dim\" x=\"{0}\" y=\"{4:.0f}\" text-anchor=\"end\">{5}</text>\n",
      kLeft - 8, y + 9, escape_html(shorten(name, 60)), escape_html(name), y + 22,
      escape_html(shorten(kernels, 66)));
  svg += bar(a, 0, longest, y) + bar(b, line.file, longest, y + 12);
  return svg + fmt::format("<text class=\"{}\" x=\"940\" y=\"{:.0f}\">{}</text>\n",
                           verdict_class(line.verdict), y + 16, escape_html(ratio_text(line)));
}

}  // namespace

std::string escape_html(const std::string& text) { return harness::escape_html(text); }

std::string file_class(std::size_t file) { return fmt::format("f{}", file % kFileClasses); }

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

std::string ratio_text(const Comparison& line) {
  if (line.ratio <= 0) return {};
  return fmt::format("{:.2f} x, {}", line.ratio, verdict_name(line.verdict));
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
  if (rates.empty()) return {};
  const LogAxis x = make_axis(intensities, 70, 1060), y = make_axis(rates, 470, 40);
  std::string svg =
      "<h2>Roofline</h2>\n<p>Rates over FLOPs per byte, both as the op counts them. Lines: the ceilings "
      "measured "
      "in the same run. Circles: the base; hollow: not the row that the planner takes.</p>\n"
      "<svg viewBox=\"0 0 1080 510\" width=\"100%\">\n";
  svg += grid(x, y);
  for (std::size_t f = 0; f < files.size(); ++f) {
    if (!files[f].rows.empty()) svg += roof(files[f], f, x, y);
    for (const Row& row : files[f].rows) {
      if (plottable(row)) svg += mark(row, f, x, y);
    }
  }
  return svg + "</svg>\n";
}

std::string bar_plot(const CompareResult& result) {
  std::string body;
  double y = 6;
  for (const Comparison& line : result.lines) {
    if (line.verdict == Verdict::kRefused) continue;
    body += pair_of_bars(line, y);
    y += 34;
  }
  if (body.empty()) return {};
  return fmt::format(
      "<h2>Times</h2>\n<p>Base above, other below, each pair in its own scale; upright marks: the "
      "floor.</p>\n"
      "<svg viewBox=\"0 0 1080 {0:.0f}\" width=\"100%\">\n{1}</svg>\n",
      y, body);
}

}  // namespace tamis::bench
