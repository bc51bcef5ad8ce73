// tests/expected/<backend>.txt: what a backend does not take, and what is known to fail there. One line each,
//
//   PATTERN unsupported REASON     no row of the backend takes these cases
//   PATTERN fails REASON           the row is known to be wrong there
//
// PATTERN is OP or OP/CASE, and for `fails` a row's full name may stand for OP; * and ? match as in a shell.
// Both ways an expectation that does not hold is a failure: a case that nobody takes without a line, and a
// line for what works. Text from # on is a comment.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/base/status.h"

namespace tamis::parity {

struct ExpectedLine {
  enum class Kind : std::uint8_t { kUnsupported, kFails } kind = Kind::kUnsupported;
  std::string pattern, reason;
  int line = 0;
  std::int64_t matched = 0;  // how often it was asked for
};

class Expected {
 public:
  // kCorruptData names file, line, expected and found.
  static Result<Expected> parse(std::string_view text, std::string path);
  // <folder>/<backend>.txt. Without such a file nothing is expected, and nothing missed: known() is false.
  static Result<Expected> load(const std::string& folder, const std::string& backend);

  bool known() const { return known_; }
  const std::string& path() const { return path_; }
  // The line that says so, or null.
  ExpectedLine* unsupported(const std::string& op, const std::string& case_name);
  ExpectedLine* fails(const std::string& op, const std::string& row, const std::string& case_name);
  const std::vector<ExpectedLine>& lines() const { return lines_; }

 private:
  ExpectedLine* find(ExpectedLine::Kind kind, const std::vector<std::string>& names,
                     const std::string& case_name);

  std::string path_;
  bool known_ = false;
  std::vector<ExpectedLine> lines_;
};

// Which cases of an op some row of a backend took, and which none did.
struct Coverage {
  std::string backend, op;
  std::vector<std::pair<std::string, std::string>> taken;    // case, row
  std::vector<std::pair<std::string, std::string>> untaken;  // case, why
};
// One line for each expectation that does not hold.
std::vector<std::string> check_coverage(const Coverage& coverage, Expected& expected);
// Lines that nothing asked for, once everything was run: a name that has changed, or was never right.
std::vector<std::string> stale_lines(const Expected& expected);

// tests/expected of the source tree around the executable, or empty.
std::string find_expected_folder();

}  // namespace tamis::parity
