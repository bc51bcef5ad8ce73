// A report for people, for programs and for a browser.
#pragma once

#include <nlohmann/json.hpp>

#include "tests/parity/report.h"

namespace tamis::parity {

// What to print when an op is done: failures with the command that repeats them, a line a row, a line a pair
// of rows. `verbose`: also why rows were skipped.
std::string op_text(const Report& part, bool verbose);
// The last lines: devices, notes, and "N passed, N failed, N skipped".
std::string summary_text(const Report& report, bool verbose);

nlohmann::ordered_json report_json(const Report& report);

// One page without scripts and without anything from elsewhere: op x device x dtype with the worst error,
// then pairs, failures and rows.
std::string report_html(const Report& report);

}  // namespace tamis::parity
