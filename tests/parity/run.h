// Rows x cases x devices: every row of the chosen devices on every case, against the oracle, and devices
// against each other or against a file of another machine.
#pragma once

#include <functional>

#include "core/base/status.h"
#include "tests/harness/guarded_run.h"
#include "tests/parity/report.h"

namespace tamis::parity {

struct Request {
  // Empty: all. A case is its name or its number in the op's list; a device is "cpu", "cuda", "cuda:1".
  std::vector<std::string> ops, cases, rows, devices;
  std::uint64_t seed = 1;
  harness::GuardOptions guard;    // how every row runs on every case
  std::int64_t max_elements = 0;  // of a case's operands together; 0: any
  std::string save_path, against_path;
  std::string expected_folder;  // of <backend>.txt; empty: nothing is expected
};

// What was found for one op, when it is done.
using Progress = std::function<void(const Report& part)>;

// An error: what was asked for does not exist, or a file cannot be read or written. Two or more named devices
// are compared with each other: the first with each of the others.
Result<Report> run_ops(const Request& request, const Progress& progress = {});

}  // namespace tamis::parity
