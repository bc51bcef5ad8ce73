#include "tests/cases/rows.h"

#include <cmath>
#include <cstring>

#include "core/ops/oracle/oracle.h"

namespace tamis::cases {
namespace {

// The first element of an operand whose bits are wrong, or empty.
std::string first_difference(const char* name, const OperandResult& result) {
  const std::size_t size = dtype_size(result.desc.dtype);
  for (std::size_t i = 0; i < result.expected.size(); ++i) {
    const std::byte* found = result.actual.data() + i * size;
    std::byte expected[8];
    store_element(result.desc.dtype, expected, result.expected[i]);
    const double want = load_element(result.desc.dtype, expected),
                 got = load_element(result.desc.dtype, found);
    if (std::memcmp(expected, found, size) == 0 || (std::isnan(want) && std::isnan(got))) continue;
    return fmt::format("{}[{}]: expected exactly {}, found {}", name, i, want, got);
  }
  return {};
}

}  // namespace

TensorDesc padded(DType dtype, std::initializer_list<std::int64_t> shape, std::int64_t pad) {
  TensorDesc desc(dtype, shape);
  for (int axis = desc.rank - 2; axis >= 0; --axis) {
    desc.strides[static_cast<std::size_t>(axis)] = desc.dim(axis + 1) * desc.stride(axis + 1) + pad;
  }
  return desc;
}

Fill poison_gaps(Fill fill) {
  return [fill](HostView& view, Rng& rng) {
    std::memset(view.bytes(), 0xff, static_cast<std::size_t>(view.desc().span_bytes()));
    fill(view, rng);
  };
}

Fill plant(Fill fill, std::vector<std::pair<std::int64_t, double>> values) {
  return [fill, values](HostView& view, Rng& rng) {
    fill(view, rng);
    for (const auto& [flat, value] : values) view.set(flat, value);
  };
}

CaseOperand strided_operand(DType dtype, std::initializer_list<std::int64_t> shape, Fill fill) {
  return {.desc = padded(dtype, shape, 8), .fill = poison_gaps(std::move(fill))};
}

std::string compare_exact(const OpCall& call, const std::vector<OperandResult>& results) {
  for (std::size_t i = 0; i < results.size(); ++i) {
    if (call.op->operands[i].role != Role::kOut || !call.operands[i].present()) continue;
    std::string difference = first_difference(call.op->operands[i].name, results[i]);
    if (!difference.empty()) return difference;
  }
  return {};
}

}  // namespace tamis::cases
