#include "tests/parity/expected.h"

#include <fnmatch.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>

namespace tamis::parity {
namespace {

namespace fs = std::filesystem;

constexpr int kLevelsUp = 4;  // build/<preset>/bin/tamis is three below the source tree

bool matches(const std::string& pattern, const std::string& name) {
  return fnmatch(pattern.c_str(), name.c_str(), 0) == 0;
}

// Cuts the first word off, with the blanks around it.
std::string_view take_word(std::string_view& text) {
  constexpr std::string_view kBlank = " \t\r";
  text.remove_prefix(std::min(text.find_first_not_of(kBlank), text.size()));
  const std::size_t end = std::min(text.find_first_of(kBlank), text.size());
  const std::string_view word = text.substr(0, end);
  text.remove_prefix(end);
  text.remove_prefix(std::min(text.find_first_not_of(kBlank), text.size()));
  return word;
}

}  // namespace

Result<Expected> Expected::parse(std::string_view text, std::string path) {
  Expected expected;
  expected.path_ = std::move(path);
  expected.known_ = true;
  for (int number = 1; !text.empty(); ++number) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    std::string_view line = text.substr(0, std::min(text.find('#'), end));
    text.remove_prefix(std::min(end + 1, text.size()));
    ExpectedLine entry;
    entry.line = number;
    entry.pattern = take_word(line);
    if (entry.pattern.empty()) continue;
    const std::string_view kind = take_word(line);
    entry.reason = line.substr(0, line.find_last_not_of(" \t\r") + 1);
    if (kind != "unsupported" && kind != "fails")
      return corrupt_data("{}: line {}: expected \"unsupported\" or \"fails\" behind {}, found \"{}\"",
                          expected.path_, number, entry.pattern, kind);
    if (entry.reason.empty())
      return corrupt_data("{}: line {}: expected a reason behind {} {}, found none", expected.path_, number,
                          entry.pattern, kind);
    entry.kind = kind == "fails" ? ExpectedLine::Kind::kFails : ExpectedLine::Kind::kUnsupported;
    expected.lines_.push_back(std::move(entry));
  }
  return expected;
}

Result<Expected> Expected::load(const std::string& folder, const std::string& backend) {
  const fs::path path = fs::path(folder) / (backend + ".txt");
  std::ifstream in(path, std::ios::binary);
  if (folder.empty() || !in) return Expected();
  return parse(std::string(std::istreambuf_iterator<char>(in), {}), path.string());
}

ExpectedLine* Expected::find(ExpectedLine::Kind kind, const std::vector<std::string>& names,
                             const std::string& case_name) {
  for (ExpectedLine& line : lines_) {
    const std::size_t slash = line.pattern.find('/');
    if (line.kind != kind) continue;
    if (slash != std::string::npos && !matches(line.pattern.substr(slash + 1), case_name)) continue;
    for (const std::string& name : names) {
      if (!matches(line.pattern.substr(0, slash), name)) continue;
      ++line.matched;
      return &line;
    }
  }
  return nullptr;
}

ExpectedLine* Expected::unsupported(const std::string& op, const std::string& case_name) {
  return find(ExpectedLine::Kind::kUnsupported, {op}, case_name);
}

ExpectedLine* Expected::fails(const std::string& op, const std::string& row, const std::string& case_name) {
  return find(ExpectedLine::Kind::kFails, {op, row}, case_name);
}

std::vector<std::string> check_coverage(const Coverage& coverage, Expected& expected) {
  std::vector<std::string> problems;
  if (!expected.known()) return problems;
  const auto more = [](std::size_t n) {
    return n > 1 ? fmt::format(" (and {} more)", n - 1) : std::string();
  };
  std::map<const ExpectedLine*, std::vector<std::pair<std::string, std::string>>> wrong;
  for (const auto& [name, row] : coverage.taken) {
    if (const ExpectedLine* line = expected.unsupported(coverage.op, name))
      wrong[line].emplace_back(name, row);
  }
  for (const auto& [line, cases] : wrong) {
    problems.push_back(fmt::format("{}: line {}: {} is unsupported ({}), but {} takes {}{}: change the line",
                                   expected.path(), line->line, coverage.op, line->reason, cases[0].second,
                                   cases[0].first, more(cases.size())));
  }
  std::vector<std::pair<std::string, std::string>> missed;
  for (const auto& untaken : coverage.untaken) {
    if (expected.unsupported(coverage.op, untaken.first) == nullptr) missed.push_back(untaken);
  }
  if (missed.empty()) return problems;
  const bool whole = coverage.taken.empty() && missed.size() == coverage.untaken.size();
  const std::string pattern = whole ? coverage.op : coverage.op + "/" + missed[0].first;
  problems.push_back(fmt::format(
      "{}: no row takes {}{}: {}; if that is meant, add to {}: {} unsupported REASON", coverage.backend,
      pattern, whole ? std::string() : more(missed.size()), missed[0].second, expected.path(), pattern));
  return problems;
}

std::vector<std::string> stale_lines(const Expected& expected) {
  std::vector<std::string> problems;
  for (const ExpectedLine& line : expected.lines()) {
    if (line.matched == 0)
      problems.push_back(
          fmt::format("{}: line {}: {} matches nothing", expected.path(), line.line, line.pattern));
  }
  return problems;
}

std::string find_expected_folder() {
  std::error_code error;
  fs::path folder = fs::read_symlink("/proc/self/exe", error).parent_path();
  for (int level = 0; !error && level <= kLevelsUp && folder.has_relative_path(); ++level) {
    std::error_code ignored;
    if (fs::is_directory(folder / "tests/expected", ignored)) return (folder / "tests/expected").string();
    folder = folder.parent_path();
  }
  return {};
}

}  // namespace tamis::parity
