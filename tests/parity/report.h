// What a run of `tamis parity op` found: one record per row and case, one per pair of rows that were
// compared, and what tests/expected says otherwise.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace tamis::parity {

enum class Verdict : std::uint8_t { kPassed, kFailed, kSkipped, kExpectedFailure };
const char* verdict_name(Verdict verdict);

struct DeviceRecord {
  std::string spec;  // as --device takes it: "cpu", "cuda:1"
  std::string name, driver;
};

// A kernel row on a case, held to the oracle.
struct CaseRecord {
  std::string op, row, device, case_name;
  int number = 0;  // of the case, in the op's list
  std::string dtypes;
  Verdict verdict = Verdict::kPassed;
  std::string message;  // why it failed or was skipped
  double worst = 0, normalised = 0;
  double allowed = -1;  // -1: the case compares in its own way
};

// The outputs of two rows on one case.
struct PairRecord {
  std::string op, case_name, dtypes;
  int number = 0;
  std::string row_a, device_a, row_b, device_b;
  bool from_file = false;  // b: device_b is then the file
  bool same_bits = true;
  double worst = 0, normalised = 0;   // of a's floats against b's
  std::int64_t keys = 0, tokens = 0;  // that a selects and b does not, of how many tokens
  double band = 0;                    // how far those keys lie from the threshold, of the largest score
  std::string failure;
};

struct Report {
  std::uint64_t seed = 1;
  std::vector<DeviceRecord> devices;
  std::vector<CaseRecord> cases;
  std::vector<PairRecord> pairs;
  std::vector<std::string> problems;  // expectations that do not hold, files that cannot be compared
  std::vector<std::string> notes;

  void append(Report part);
};

struct Totals {
  std::int64_t passed = 0, failed = 0, skipped = 0, expected_failures = 0;
};
// Failing pairs and problems count as failures.
Totals count(const Report& report);

// One row of one device over its cases.
struct RowSummary {
  std::string op, row, device;
  Totals totals;
  double worst = 0, normalised = 0;
  std::string worst_case;
};
std::vector<RowSummary> summarise_rows(const Report& report);

// Two rows over their cases.
struct PairSummary {
  std::string op, row_a, device_a, row_b, device_b;
  std::int64_t cases = 0, same_bits = 0, failed = 0, keys = 0;
  double worst = 0, normalised = 0, band = 0;
};
std::vector<PairSummary> summarise_pairs(const Report& report);

// The command that repeats a record.
std::string repro(const CaseRecord& record, std::uint64_t seed);
std::string repro(const PairRecord& record, std::uint64_t seed);

}  // namespace tamis::parity
