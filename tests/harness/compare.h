// What was computed against what was expected: how far floats are apart, and whether an operand is within the
// contract of its op.
#pragma once

#include <span>
#include <string>

#include "tests/cases/case.h"

namespace tamis::harness {

struct FloatError {
  double worst = 0;       // |found - expected| / (|expected| + rms(expected)), the largest
  double normalised = 0;  // |found - expected| / |expected|, Euclidean over the finite elements
  std::int64_t at = -1;   // where the worst one is
  double expected = 0, found = 0;
};

// NaN equals NaN and an infinity itself; any other difference of something not finite is an infinite error.
FloatError float_error(DType dtype, std::span<const double> expected, std::span<const std::byte> found);

// The elements of row-major memory.
std::vector<double> decode(DType dtype, std::span<const std::byte> memory);

// The error of one operand: against `expected`, or against `expected_bytes` of a float cache. Zero for
// others.
FloatError operand_error(const cases::OperandResult& result);

// Default comparison of one operand; empty if equal enough. Also gives the worst float error.
std::string compare_operand(const OpDef& op, int operand, const cases::OperandResult& result, double* worst);

}  // namespace tamis::harness
