// Cases of residual_add: every dtype pair (held to one rounding), strides on either side, specials.
#include "core/ops/residual_add/residual_add.h"

#include <cmath>

#include "tests/cases/rows.h"

namespace tamis::cases {
namespace {

Case exact(std::string name, CaseOperand x, CaseOperand delta) {
  Case c = make_case(std::move(name), ResidualAddParams{}, {std::move(x), std::move(delta), output()});
  c.compare = compare_exact;
  return c;
}

void add_perf(CaseList& list) {
  const auto hidden = [](std::int64_t tokens) {
    return exact(fmt::format("hidden_t{}", tokens),
                 {.desc = {DType::kBF16, {tokens, 7168}}, .fill = fill_normal()},
                 {.desc = {DType::kBF16, {tokens, 7168}}, .fill = fill_normal()});
  };
  add_timed(list, hidden, {1, 4096});
}

}  // namespace

CaseList cases_residual_add() {
  CaseList list;
  for (DType x : kActivations) {
    for (DType delta : kActivations) {
      const std::string pair = fmt::format("{}_{}", dtype_name(x), dtype_name(delta));
      list.push_back(exact("t9_h77_" + pair, {.desc = {x, {9, 77}}, .fill = fill_normal()},
                           {.desc = {delta, {9, 77}}, .fill = fill_normal()}));
      list.push_back(exact("strided_" + pair, strided_operand(x, {4, 33}, fill_normal(10)),
                           strided_operand(delta, {4, 33}, fill_normal())));
    }
  }
  list.push_back(exact("one_element", {.desc = {DType::kF32, {1, 1}}, .fill = fill_normal()},
                       {.desc = {DType::kF32, {1, 1}}, .fill = fill_normal()}));
  list.push_back(exact("many_tokens", {.desc = {DType::kBF16, {600, 100}}, .fill = fill_normal()},
                       {.desc = {DType::kBF16, {600, 100}}, .fill = fill_normal()}));
  list.push_back(
      exact("nan_inf_signed_zero",
            {.desc = {DType::kF32, {1, 6}}, .fill = fill_values({NAN, INFINITY, INFINITY, -0.0, 0.0, 3e38})},
            {.desc = {DType::kF32, {1, 6}}, .fill = fill_values({1, 1, -INFINITY, -0.0, -0.0, 3e38})}));
  add_perf(list);
  return list;
}

}  // namespace tamis::cases
