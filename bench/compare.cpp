#include "bench/compare.h"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include "bench/formats.h"
#include "bench/statistics.h"

namespace tamis::bench {
namespace {

// The times of a row; of rows without samples (made by hand, or thinned out), what the columns say.
Summary times_of(const Row& row) {
  Summary s;
  if (!row.samples_us.empty()) {
    s = summarize(row.samples_us);
    s.drift = drift_percent(row.rounds_us) / 100;
    return s;
  }
  s.median = row.median_us, s.mean = row.mean_us, s.stdev = row.stdev_us;
  s.min = row.min_us, s.max = std::max(row.max_us, row.median_us);
  s.low = row.p10_us > 0 ? row.p10_us : row.median_us;
  s.high = std::max(row.p90_us, row.median_us);
  s.drift = row.drift_percent / 100;
  return s;
}

// How far a fixed piece of work on one machine may move between two rows before differences between them say
// more about the machine: on an idle one it stays within 5 %.
constexpr double kReferenceMoved = 0.1;

// Noise from which on "no difference" says little.
constexpr double kNoiseHides = 0.5;

// Why a difference between two rows may not come from what they measured; empty: nothing is known.
std::string doubt(const Row& base, const Row& other) {
  if (!base.warnings.empty()) return base.warnings;
  if (!other.warnings.empty()) return other.warnings;
  const bool same_machine = base.device == other.device && base.cores == other.cores;
  if (!same_machine || base.reference_us <= 0 || other.reference_us <= 0) return {};
  const double ratio = other.reference_us / base.reference_us;
  if (std::fabs(std::log(ratio)) < std::log1p(kReferenceMoved)) return {};
  return fmt::format("the machine itself: its reference took {} against {}", format_time(base.reference_us),
                     format_time(other.reference_us));
}

// "bf16[128, 16384] e4m3[…] -> …" without the brackets.
std::string dtypes_of(const std::string& shape) {
  std::string dtypes;
  int depth = 0;
  for (char c : shape) {
    if (c == '[') ++depth;
    if (depth == 0) dtypes += c;
    if (c == ']') --depth;
  }
  return dtypes;
}

std::string describe(const Row& row) {
  return fmt::format("{} {}{}{}", row.op, row.case_name, row.kernel.empty() ? "" : " ", row.kernel);
}

bool has_kernel(const RowFile& file, const Row& like) {
  return std::any_of(file.rows.begin(), file.rows.end(), [&](const Row& row) {
    return row.op == like.op && row.case_name == like.case_name && row.kernel == like.kernel;
  });
}

// How well `row` answers `base`; 0: not at all.
int match(const RowFile& base_file, const Row& base, const RowFile& file, const Row& row) {
  if (row.op != base.op || row.case_name != base.case_name) return 0;
  const bool same_kernel = row.kernel == base.kernel;  // rows of layers and models have none
  const bool stand_in = base.chosen && row.chosen && !has_kernel(file, base) && !has_kernel(base_file, row);
  if (!same_kernel && !stand_in) return 0;
  return 1 + 4 * (row.flush == base.flush) + 2 * (row.shape == base.shape) + (row.accuracy == base.accuracy);
}

const Row* find_answer(const RowFile& base_file, const Row& base, const RowFile& file) {
  const Row* best = nullptr;
  int best_match = 0;
  for (const Row& row : file.rows) {
    const int found = match(base_file, base, file, row);
    if (found > best_match) best = &row, best_match = found;
  }
  return best;
}

Comparison compare_rows(const Row& base, const Row& other, std::size_t file) {
  Comparison line{.file = file, .base = &base, .other = &other};
  line.why = refusal(base, other);
  if (!line.why.empty()) return line;
  const Summary a = times_of(base), b = times_of(other);
  line.ratio = b.median / a.median;
  line.noise = noise(a, b);
  if (!differs(a, b)) {
    line.verdict = Verdict::kSame;
    if (line.noise > kNoiseHides) line.why = "the noise would hide any smaller difference";
  } else if (line.why = doubt(base, other); !line.why.empty()) {
    line.verdict = Verdict::kUnclear;
  } else {
    line.verdict = line.ratio < 1 ? Verdict::kFaster : Verdict::kSlower;
  }
  return line;
}

std::string machine_line(const RowFile& file) {
  if (file.rows.empty()) return fmt::format("- {}: no rows\n", markdown_cell(file.name));
  const Row& row = file.rows.front();
  return fmt::format("- {}: {}, {} cores, commit {}, {}; {}\n", markdown_cell(file.name),
                     markdown_cell(row.device), row.cores, markdown_cell(row.commit),
                     markdown_cell(row.build), markdown_cell(describe_ceilings(row)));
}

}  // namespace

const char* verdict_name(Verdict verdict) {
  switch (verdict) {
    case Verdict::kSame: return "no difference";
    case Verdict::kFaster: return "faster";
    case Verdict::kSlower: return "slower";
    case Verdict::kUnclear: return "unclear";
    case Verdict::kRefused: return "not comparable";
  }
  return "";
}

std::string refusal(const Row& base, const Row& other) {
  if (!is_op(base) && base.shape != other.shape) return fmt::format("{} against {}", base.shape, other.shape);
  if (dtypes_of(base.shape) != dtypes_of(other.shape))
    return fmt::format("dtypes: {} against {}", dtypes_of(base.shape), dtypes_of(other.shape));
  if (base.shape != other.shape && base.tokens != other.tokens)
    return fmt::format("shape: {} tokens against {}", base.tokens, other.tokens);
  if (base.shape != other.shape) return fmt::format("shape: {} against {}", base.shape, other.shape);
  if (base.flush != other.flush) return fmt::format("flush: {} against {}", base.flush, other.flush);
  if (base.accuracy != other.accuracy)
    return fmt::format("accuracy class: {} against {}", base.accuracy, other.accuracy);
  return {};
}

CompareResult compare(const std::vector<RowFile>& files) {
  CompareResult result;
  if (files.empty()) return result;
  const RowFile& base_file = files.front();
  for (std::size_t f = 1; f < files.size(); ++f) {
    std::vector<const Row*> answered;
    for (const Row& base : base_file.rows) {
      const Row* other = find_answer(base_file, base, files[f]);
      if (other == nullptr) {
        result.unmatched.push_back(fmt::format("only in {}: {}", base_file.name, describe(base)));
        continue;
      }
      answered.push_back(other);
      result.lines.push_back(compare_rows(base, *other, f));
    }
    for (const Row& row : files[f].rows) {
      if (std::find(answered.begin(), answered.end(), &row) == answered.end())
        result.unmatched.push_back(fmt::format("only in {}: {}", files[f].name, describe(row)));
    }
  }
  return result;
}

std::string compare_markdown(const std::vector<RowFile>& files, const CompareResult& result) {
  std::string text;
  for (const RowFile& file : files) text += machine_line(file);
  text +=
      "\n| op | case | kernel row | against | base | other | time ratio | noise | % floor | verdict | why "
      "|\n";
  text += "|---|---|---|---|--:|--:|--:|--:|--:|---|---|\n";
  for (const Comparison& line : result.lines) {
    const bool same = line.base->kernel == line.other->kernel;
    const std::string kernel = same ? line.base->kernel : line.base->kernel + " / " + line.other->kernel;
    const std::string ratio = line.ratio > 0 ? fmt::format("{:.3f}", line.ratio) : "-";
    text +=
        fmt::format("| {} | {} | {} | {} | {} | {} | {} | {:.0f} % | {:.1f} / {:.1f} | {} | {} |\n",
                    markdown_cell(line.base->op), markdown_cell(line.base->case_name), markdown_cell(kernel),
                    markdown_cell(files[line.file].name), format_time(line.base->median_us),
                    format_time(line.other->median_us), ratio, 100 * line.noise, line.base->floor_percent,
                    line.other->floor_percent, verdict_name(line.verdict), markdown_cell(line.why));
  }
  int counts[5] = {};
  for (const Comparison& line : result.lines) ++counts[static_cast<int>(line.verdict)];
  text += "\n";
  for (int v = 0; v < 5; ++v)
    text += fmt::format("{}{} {}", v == 0 ? "" : ", ", counts[v], verdict_name(static_cast<Verdict>(v)));
  text += fmt::format("; {} without a partner.\n", result.unmatched.size());
  for (const std::string& line : result.unmatched) text += "- " + markdown_cell(line) + "\n";
  return text;
}

std::string compare_csv(const std::vector<RowFile>& files, const CompareResult& result) {
  std::string text =
      "op,case,base_kernel,other_kernel,base_file,other_file,flush,accuracy,base_us,other_us,base_stdev_us,"
      "other_stdev_us,time_ratio,noise,base_floor_percent,other_floor_percent,verdict,why\n";
  for (const Comparison& line : result.lines) {
    const Row &a = *line.base, &b = *line.other;
    for (const std::string* field : {&a.op, &a.case_name, &a.kernel, &b.kernel, &files.front().name,
                                     &files[line.file].name, &a.flush, &a.accuracy}) {
      text += csv_field(*field) + ",";
    }
    text += fmt::format("{},{},{},{},{},{},{},{},{},{}\n", a.median_us, b.median_us, a.stdev_us, b.stdev_us,
                        line.ratio, line.noise, a.floor_percent, b.floor_percent, verdict_name(line.verdict),
                        csv_field(line.why));
  }
  return text;
}

}  // namespace tamis::bench
