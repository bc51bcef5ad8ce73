// Cases of cast: every pair of dtypes, ranks 1 to 4, strides, and the values where rounding has cliffs.
#include "core/ops/cast/cast.h"

#include <cmath>

#include "tests/cases/rows.h"

namespace tamis::cases {
namespace {

// Halfway cases of bf16 and f16 (to even, both ways), the ends of f16's range, its subnormals, specials.
std::vector<double> cliffs() {
  const double bf16_half = 0x1p-8, f16_half = 0x1p-11;
  return {1 + bf16_half,
          1 + 3 * bf16_half,
          1 + bf16_half * 1.001,
          1 + f16_half,
          1 + 3 * f16_half,
          -1 - f16_half,
          65504,
          65519,
          65520,
          -65520,
          3.4e38,
          -3.4e38,
          0x1p-14,
          0x1p-24,
          0x1p-25,
          0x1.8p-25,
          0x1.00002p-25,
          0x1p-126,
          0x1p-149,
          -0.0,
          0.0,
          INFINITY,
          -INFINITY,
          NAN,
          0x1.fffffep127};
}

Case exact(std::string name, CaseOperand x, DType out) {
  Case c = make_case(std::move(name), CastParams{out}, {std::move(x), output()});
  c.compare = compare_exact;
  return c;
}

// The hidden states of a chunk, widened and rounded.
void add_perf(CaseList& list) {
  const auto pair = [](DType from, DType to) {
    return [=](std::int64_t tokens) {
      return exact(fmt::format("hidden_t{}_{}_{}", tokens, dtype_name(from), dtype_name(to)),
                   {.desc = {from, {tokens, 7168}}, .fill = fill_normal()}, to);
    };
  };
  add_timed(list, pair(DType::kBF16, DType::kF32), {1, 4096});
  add_timed(list, pair(DType::kF32, DType::kBF16), {1, 4096});
}

}  // namespace

CaseList cases_cast() {
  CaseList list;
  for (DType from : kActivations) {
    for (DType to : kActivations) {
      const std::string pair = fmt::format("{}_{}", dtype_name(from), dtype_name(to));
      list.push_back(exact("cliffs_" + pair, {.desc = {from, {5, 10}}, .fill = fill_values(cliffs())}, to));
      list.push_back(exact("strided_" + pair, strided_operand(from, {3, 4, 37}, fill_normal(3.0)), to));
    }
  }
  list.push_back(exact("rank1", {.desc = {DType::kF32, {5001}}, .fill = fill_normal()}, DType::kBF16));
  list.push_back(exact("one_element", {.desc = {DType::kBF16, {1}}, .fill = fill_normal()}, DType::kF32));
  list.push_back(
      exact("rank4_strided", strided_operand(DType::kF32, {2, 3, 2, 5}, fill_normal()), DType::kF16));
  list.push_back(exact("long_rows", strided_operand(DType::kF32, {3, 9001}, fill_normal()), DType::kBF16));
  add_perf(list);
  return list;
}

}  // namespace tamis::cases
