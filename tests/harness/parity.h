// Parity: runs a kernel row on a device and compares it with the oracle. Buffers stand between sentinels;
// outputs and workspace start poisoned; inputs must come back unchanged; a second run must give the same
// bits.
#pragma once

#include <string>
#include <vector>

#include "core/backend/backend_api.h"
#include "core/backend/kernel_table.h"
#include "tests/cases/case.h"

namespace tamis::harness {

struct ParityResult {
  bool skipped = false;
  std::string failure;      // empty when passed or skipped
  std::string skip_reason;  // why the row does not take the case
  double worst_error = 0;   // of float outputs, relative to |expected| + rms(expected)
};

ParityResult run_parity(Device& device, const KernelRow& row, const OpDef& op, const cases::Case& test_case,
                        std::uint64_t seed);

// Default comparison of one operand; empty if equal enough. Also gives the worst float error.
std::string compare_operand(const OpDef& op, int operand, const cases::OperandResult& result, double* worst);

}  // namespace tamis::harness
