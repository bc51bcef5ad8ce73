// Cases of add_rms_norm: every dtype triple, strides, zeros, and a sum whose rounding changes the norm.
#include "core/ops/add_rms_norm/add_rms_norm.h"

#include "tests/cases/rows.h"

namespace tamis::cases {
namespace {

Case with(std::string name, CaseOperand x, CaseOperand delta, const AddRmsNormParams& params) {
  const CaseOperand weight{.desc = {DType::kF32, {x.desc.dim(1)}}, .fill = fill_uniform(0.5, 1.5)};
  Case c = make_case(std::move(name), params, {std::move(x), std::move(delta), weight, output(), output()});
  if (params.out != DType::kF32) c.compare = compare_one_rounding;
  return c;
}

CaseOperand plain(DType dtype, std::int64_t tokens, std::int64_t h) {
  return {.desc = {dtype, {tokens, h}}, .fill = fill_normal()};
}

}  // namespace

CaseList cases_add_rms_norm() {
  CaseList list;
  for (DType x : kActivations) {
    for (DType delta : kActivations) {
      for (DType out : kActivations) {
        list.push_back(with(fmt::format("t4_h67_{}_{}_{}", dtype_name(x), dtype_name(delta), dtype_name(out)),
                            strided_operand(x, {4, 67}, fill_normal()),
                            strided_operand(delta, {4, 67}, fill_normal()), {1e-6f, out}));
      }
    }
  }
  for (std::int64_t h : {1, 7, 8, 9, 16, 17, 7168}) {
    list.push_back(with(fmt::format("width_{}", h), plain(DType::kF32, 2, h), plain(DType::kF32, 2, h), {}));
  }
  list.push_back(
      with("many_tokens", plain(DType::kBF16, 500, 40), plain(DType::kBF16, 500, 40), {1e-6f, DType::kBF16}));
  list.push_back(with("zeros", {.desc = {DType::kF32, {2, 40}}, .fill = fill_constant(1.5)},
                      {.desc = {DType::kF32, {2, 40}}, .fill = fill_constant(-1.5)}, {}));
  // 256 + 0.9 stores as 256 in bf16 in every element but one: the norm of the unrounded sum differs by 0.35
  // %, which an f32 y shows.
  list.push_back(
      with("norm_of_the_rounded_sum",
           {.desc = {DType::kBF16, {3, 64}}, .fill = plant(fill_constant(256), {{0, 1}, {64, 2}, {128, -3}})},
           {.desc = {DType::kF32, {3, 64}}, .fill = fill_constant(0.9)}, {1e-6f, DType::kF32}));
  const auto hidden = [](std::int64_t tokens) {
    return with(fmt::format("hidden_t{}", tokens), plain(DType::kBF16, tokens, 7168),
                plain(DType::kBF16, tokens, 7168), {1e-6f, DType::kBF16});
  };
  add_timed(list, hidden, {1, 4096});
  return list;
}

}  // namespace tamis::cases
