#include "tests/harness/compare.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "core/ops/oracle/oracle.h"

namespace tamis::harness {
namespace {

using cases::OperandResult;

double root_mean_square(std::span<const double> values) {
  double squares = 0;
  std::size_t finite = 0;
  for (double v : values) {
    if (!std::isfinite(v)) continue;
    squares += v * v;
    ++finite;
  }
  return finite > 0 ? std::sqrt(squares / static_cast<double>(finite)) : 0.0;
}

std::string compare_bytes(const char* name, const OperandResult& result) {
  for (std::size_t i = 0; i < result.actual.size(); ++i) {
    if (result.actual[i] != result.expected_bytes[i]) {
      return fmt::format("{}: byte {}: expected {:#04x}, found {:#04x}", name, i,
                         static_cast<int>(result.expected_bytes[i]), static_cast<int>(result.actual[i]));
    }
  }
  return {};
}

}  // namespace

std::vector<double> decode(DType dtype, std::span<const std::byte> memory) {
  const std::size_t size = dtype_size(dtype);
  std::vector<double> values(memory.size() / size);
  for (std::size_t i = 0; i < values.size(); ++i) values[i] = load_element(dtype, memory.data() + i * size);
  return values;
}

FloatError float_error(DType dtype, std::span<const double> expected, std::span<const std::byte> found) {
  FloatError error;
  const double rms = root_mean_square(expected);
  double squares = 0, reference = 0;
  for (std::size_t i = 0; i < expected.size(); ++i) {
    const double want = expected[i], got = load_element(dtype, found.data() + i * dtype_size(dtype));
    if (std::isfinite(want)) reference += want * want;
    if ((std::isnan(want) && std::isnan(got)) || want == got) continue;
    const bool finite = std::isfinite(want) && std::isfinite(got);
    if (std::isfinite(want) && !finite && round_to(dtype, want) == got)
      continue;  // beyond the dtype's largest
    const double gap = finite ? std::fabs(got - want) : std::numeric_limits<double>::infinity();
    const double relative = finite ? gap / (std::fabs(want) + rms) : gap;
    squares += gap * gap;
    if (relative <= error.worst) continue;
    error.worst = relative;
    error.at = static_cast<std::int64_t>(i);
    error.expected = want;
    error.found = got;
  }
  if (squares > 0) error.normalised = std::sqrt(squares / std::max(reference, 1e-300));
  return error;
}

FloatError operand_error(const OperandResult& result) {
  if (!is_float(result.desc.dtype)) return {};
  if (result.expected_bytes.empty()) return float_error(result.desc.dtype, result.expected, result.actual);
  return float_error(result.desc.dtype, decode(result.desc.dtype, result.expected_bytes), result.actual);
}

std::string compare_operand(const OpDef& op, int operand, const OperandResult& result, double* worst) {
  const char* name = op.operands[static_cast<std::size_t>(operand)].name;
  if (is_float(result.desc.dtype)) {
    const FloatError error = operand_error(result);
    *worst = std::max(*worst, error.worst);
    const double allowed = allowed_error(op.tolerance, result.desc.dtype);
    if (error.worst > allowed) {
      return fmt::format("{}[{}]: expected {}, found {} (error {:.3g}, allowed {:.3g})", name, error.at,
                         error.expected, error.found, error.worst, allowed);
    }
    const double norm = allowed_norm(op.tolerance, result.desc.dtype);
    if (error.normalised <= norm) return {};
    return fmt::format(
        "{}: error of all elements {:.3g}, allowed {:.3g}; the worst is [{}]: expected {}, found {}", name,
        error.normalised, norm, error.at, error.expected, error.found);
  }
  if (!result.expected_bytes.empty()) return compare_bytes(name, result);
  for (std::size_t i = 0; i < result.expected.size(); ++i) {
    const double got =
        load_element(result.desc.dtype, result.actual.data() + i * dtype_size(result.desc.dtype));
    if (got != result.expected[i])
      return fmt::format("{}[{}]: expected {}, found {}", name, i, result.expected[i], got);
  }
  return {};
}

}  // namespace tamis::harness
