// docs/runs.json: on which devices kernel rows have run, and passed their parity cases. A row that no record
// names was compiled and never run.
//
//   [{"backend": "cuda", "device": "NVIDIA H100 80GB HBM3", "how": "hardware", "date": "2026-11-22",
//     "rows": ["cuda.linear.portable", …]}, …]
//
// how: "hardware", "software" (a rasteriser on the CPU) or "emulation" (the kernels compiled for the CPU, or
// for a GPU of another vendor). An entry of rows may end in *, for a backend whose every row runs in the
// tests of every machine.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "core/base/status.h"

namespace tamis {

struct RunRecord {
  std::string backend, device, how, date;
  std::vector<std::string> rows;

  bool names(std::string_view row) const;
};

// kCorruptData names the record and the field.
Result<std::vector<RunRecord>> parse_runs(std::string_view text, const std::string& where);

// Of all records that name the row the one that says most: hardware before software before emulation; null:
// none.
const RunRecord* best_run(const std::vector<RunRecord>& runs, std::string_view row);

}  // namespace tamis
