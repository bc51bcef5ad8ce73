// Cases of silu_mul: odd widths, every dtype, strides, gates far out on either side, specials.
#include "core/ops/silu_mul/silu_mul.h"

#include <cmath>

#include "tests/cases/rows.h"

namespace tamis::cases {
namespace {

Case with(std::string name, CaseOperand x) {
  const DType dtype = x.desc.dtype;
  Case c = make_case(std::move(name), SiluMulParams{}, {std::move(x), output()});
  if (dtype != DType::kF32) c.compare = compare_one_rounding;
  return c;
}

}  // namespace

CaseList cases_silu_mul() {
  CaseList list;
  for (DType dtype : kActivations) {
    for (std::int64_t i : {1, 7, 64}) {
      list.push_back(with(fmt::format("t5_i{}_{}", i, dtype_name(dtype)),
                          strided_operand(dtype, {5, 2 * i}, fill_normal(2))));
    }
  }
  list.push_back(with("one_token_i2048", {.desc = {DType::kBF16, {1, 4096}}, .fill = fill_normal()}));
  list.push_back(with("many_tokens", {.desc = {DType::kF32, {600, 66}}, .fill = fill_normal(4)}));
  list.push_back(with("gates_far_out", {.desc = {DType::kF32, {1, 16}},
                                        .fill = fill_values({-90, 90, -1000, 1000, -20, 20, -1e-20, 1e-20, 1,
                                                             1, 1, 1, -1, 1, 2, 3})}));
  for (DType dtype : {DType::kF32, DType::kBF16}) {
    list.push_back(with(fmt::format("nan_inf_{}", dtype_name(dtype)),
                        {.desc = {dtype, {1, 10}},
                         .fill = fill_values({NAN, INFINITY, 1, 2, -1000, 1, 2, NAN, -INFINITY, 3})}));
  }
  const auto shared_expert = [](std::int64_t tokens) {
    return with(fmt::format("shared_expert_t{}", tokens),
                {.desc = {DType::kBF16, {tokens, 4096}}, .fill = fill_normal()});
  };
  add_timed(list, shared_expert, {1, 4096});
  return list;
}

}  // namespace tamis::cases
