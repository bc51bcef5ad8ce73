// Cases of rms_norm: odd widths, every dtype pair, strides, rows of zeros (eps alone), large and tiny rows.
#include "core/ops/rms_norm/rms_norm.h"

#include "tests/cases/rows.h"

namespace tamis::cases {
namespace {

CaseOperand weight(std::int64_t h) { return {.desc = {DType::kF32, {h}}, .fill = fill_uniform(0.5, 1.5)}; }

Case with(std::string name, CaseOperand x, const RmsNormParams& params) {
  const std::int64_t h = x.desc.dim(1);
  Case c = make_case(std::move(name), params, {std::move(x), weight(h), output()});
  if (params.out != DType::kF32) c.compare = compare_one_rounding;
  return c;
}

}  // namespace

CaseList cases_rms_norm() {
  CaseList list;
  for (DType x : kActivations) {
    for (DType out : kActivations) {
      list.push_back(with(fmt::format("t5_h131_{}_{}", dtype_name(x), dtype_name(out)),
                          strided_operand(x, {5, 131}, fill_normal()), {1e-6f, out}));
    }
  }
  for (std::int64_t h : {1, 2, 7, 8, 9, 15, 16, 17, 512, 1536, 7168}) {
    list.push_back(
        with(fmt::format("width_{}", h), {.desc = {DType::kF32, {3, h}}, .fill = fill_normal()}, {}));
  }
  list.push_back(
      with("one_token", {.desc = {DType::kBF16, {1, 7168}}, .fill = fill_normal()}, {1e-5f, DType::kBF16}));
  list.push_back(
      with("many_tokens", {.desc = {DType::kBF16, {777, 64}}, .fill = fill_normal()}, {1e-6f, DType::kBF16}));
  list.push_back(with("zeros", {.desc = {DType::kF32, {2, 40}}, .fill = fill_constant(0)}, {}));
  // Here eps decides: forgetting it, or adding it to the root, shows.
  list.push_back(
      with("tiny", {.desc = {DType::kF32, {4, 40}}, .fill = fill_normal(1e-3)}, {1e-6f, DType::kF32}));
  list.push_back(
      with("eps_1e-2", {.desc = {DType::kF32, {4, 40}}, .fill = fill_normal(0.1)}, {1e-2f, DType::kF32}));
  list.push_back(with("large", {.desc = {DType::kF32, {4, 300}}, .fill = fill_normal(1e12)}, {}));
  const auto hidden = [](std::int64_t tokens) {
    return with(fmt::format("hidden_t{}", tokens),
                {.desc = {DType::kBF16, {tokens, 7168}}, .fill = fill_normal()}, {1e-6f, DType::kBF16});
  };
  add_timed(list, hidden, {1, 4096});
  return list;
}

}  // namespace tamis::cases
