#include "tests/cases/rows.h"

#include <cmath>
#include <cstring>
#include <utility>

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

std::string first_double_rounding(const OpDef& op, std::size_t operand, const OperandResult& result) {
  double squares = 0;
  std::int64_t finite = 0;
  for (double e : result.expected) {
    if (!std::isfinite(e)) continue;
    squares += e * e;
    ++finite;
  }
  const double rms = finite > 0 ? std::sqrt(squares / static_cast<double>(finite)) : 0.0;
  for (std::size_t i = 0; i < result.expected.size(); ++i) {
    const double want = result.expected[i], slack = op.tolerance.f32 * (std::fabs(want) + rms);
    const double got =
        load_element(result.desc.dtype, result.actual.data() + i * dtype_size(result.desc.dtype));
    // Infinities: no interval holds them.
    if (got == want || (std::isnan(want) && std::isnan(got))) continue;
    const double low = round_to(result.desc.dtype, want - slack),
                 high = round_to(result.desc.dtype, want + slack);
    if (got >= low && got <= high) continue;
    return fmt::format("{}[{}]: expected {} rounded once to {}, [{}, {}], found {}",
                       op.operands[operand].name, i, want, dtype_name(result.desc.dtype), low, high, got);
  }
  return {};
}

template <class F>
std::string first_of_outputs(const OpCall& call, const std::vector<OperandResult>& results,
                             F&& difference_of) {
  for (std::size_t i = 0; i < results.size(); ++i) {
    if (call.op->operands[i].role != Role::kOut || !call.operands[i].present()) continue;
    std::string difference = difference_of(i);
    if (!difference.empty()) return difference;
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
  return [fill = std::move(fill)](HostView& view, Rng& rng) {
    std::memset(view.bytes(), 0xff, static_cast<std::size_t>(view.desc().span_bytes()));
    fill(view, rng);
  };
}

Fill fill_e4m3_codes() {
  return [](HostView& view, Rng&) {
    const std::int64_t width = view.desc().dim(-1);
    for (std::int64_t i = 0; i < view.size(); ++i) {
      const auto code = static_cast<std::uint8_t>(i / width % 256);
      const bool nan = (code & 0x7f) == 0x7f;
      *view.address(i) = static_cast<std::byte>(nan ? 0 : code);
    }
  };
}

Fill plant(Fill fill, std::vector<std::pair<std::int64_t, double>> values) {
  return [fill = std::move(fill), values = std::move(values)](HostView& view, Rng& rng) {
    fill(view, rng);
    for (const auto& [flat, value] : values) view.set(flat, value);
  };
}

CaseOperand strided_operand(DType dtype, std::initializer_list<std::int64_t> shape, Fill fill) {
  return {.desc = padded(dtype, shape, 8), .fill = poison_gaps(std::move(fill))};
}

std::string compare_exact(const OpCall& call, const std::vector<OperandResult>& results) {
  return first_of_outputs(
      call, results, [&](std::size_t i) { return first_difference(call.op->operands[i].name, results[i]); });
}

std::string compare_one_rounding(const OpCall& call, const std::vector<OperandResult>& results) {
  return first_of_outputs(call, results,
                          [&](std::size_t i) { return first_double_rounding(*call.op, i, results[i]); });
}

Case timed(Case test_case) {
  test_case.perf = true;
  return test_case;
}

namespace {

Case timed_at(const CaseAtTokens& make, std::int64_t tokens) {
  Case test_case = timed(make(tokens));
  test_case.tokens = tokens;
  test_case.at_tokens = [make](std::int64_t other) { return timed_at(make, other); };
  return test_case;
}

}  // namespace

void add_timed(CaseList& list, const CaseAtTokens& make, std::initializer_list<std::int64_t> counts) {
  for (std::int64_t tokens : counts) list.push_back(timed_at(make, tokens));
}

void add_timed_large(CaseList& list, const CaseAtTokens& make, std::initializer_list<std::int64_t> counts) {
  const auto large = [make](std::int64_t tokens) {
    Case test_case = make(tokens);
    test_case.large = true;
    return test_case;
  };
  add_timed(list, large, counts);
}

}  // namespace tamis::cases
