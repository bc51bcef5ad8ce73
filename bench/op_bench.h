// `tamis bench op`: every kernel row of a device at the perf shapes of tests/cases.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "bench/roofline.h"
#include "bench/row.h"

namespace tamis::bench {

// Which cases: those for any device, those for data-centre GPUs, both; kAuto: the large ones on all but CPUs.
enum class Grid : std::uint8_t { kAuto, kSmall, kLarge, kAll };

enum class Energy : std::uint8_t { kNone, kChosen, kAll };

struct OpOptions {
  std::vector<std::string> ops;      // empty: all
  std::vector<std::string> cases;    // parts of case names; empty: all
  std::vector<std::string> kernels;  // parts of kernel row names; empty: all
  std::vector<std::string> devices = {"cpu"};
  std::vector<std::string> flush = {"cold"};  // cold, warm
  std::vector<std::int64_t> tokens;           // instead of the token counts of the cases; empty: those
  std::int64_t repetitions = 5;
  // The repetitions are spread over this many passes over the cases of an op: what drifts shows between them.
  std::int64_t rounds = 2;
  Grid grid = Grid::kAuto;
  Energy energy = Energy::kChosen;  // of which rows: a second each, where the driver counts energy
  double longest_seconds = 2;       // a launch predicted to take longer is shrunk along tokens
  bool chosen_only = false;
  bool ceilings = true;  // measure them first; without, rows have no percentages
  std::uint64_t seed = 1;
};

struct OpReport {
  std::function<void(const Row&)> row;
  std::function<void(const std::string&)> message;  // progress, and rows that failed or were left out
};

struct OpTotals {
  int measured = 0, failed = 0;
};

Result<OpTotals> bench_ops(const OpOptions& options, const OpReport& report);

}  // namespace tamis::bench
