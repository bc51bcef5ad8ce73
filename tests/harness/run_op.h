// Runs one kernel row, or the oracle, on a case in host memory and hands back its outputs: for tests of
// properties that a comparison of one call cannot show.
#pragma once

#include <string>
#include <vector>

#include "core/graph/op_def.h"
#include "tests/cases/case.h"

namespace tamis::harness {

// Per operand, row-major; empty for operands that are not outputs.
using Outputs = std::vector<std::vector<double>>;

// Values as stored. `row` is a full name: "cpu.rope.portable".
Result<Outputs> run_row(const std::string& row, const cases::Case& test_case, std::uint64_t seed = 1);

// Values rounded to the dtypes of the outputs.
Result<Outputs> run_oracle(const std::string& op, const cases::Case& test_case, std::uint64_t seed = 1);

}  // namespace tamis::harness
