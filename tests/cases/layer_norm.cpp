// Cases of layer_norm: odd widths, every dtype pair, strides, constant rows, and means far larger than the
// deviation, which a one-pass variance does not survive.
#include "core/ops/layer_norm/layer_norm.h"

#include "tests/cases/rows.h"

namespace tamis::cases {
namespace {

Fill fill_around(double mean) {
  return [mean](HostView& view, Rng& rng) {
    for (std::int64_t i = 0; i < view.size(); ++i) view.set(i, mean + rng.normal());
  };
}

Case with(std::string name, CaseOperand x, const LayerNormParams& params) {
  const std::int64_t h = x.desc.dim(1);
  const CaseOperand weight{.desc = {DType::kF32, {h}}, .fill = fill_uniform(0.5, 1.5)};
  const CaseOperand bias{.desc = {DType::kF32, {h}}, .fill = fill_normal(0.5)};
  Case c = make_case(std::move(name), params, {std::move(x), weight, bias, output()});
  if (params.out != DType::kF32) c.compare = compare_one_rounding;
  return c;
}

}  // namespace

CaseList cases_layer_norm() {
  CaseList list;
  for (DType x : kActivations) {
    for (DType out : kActivations) {
      list.push_back(with(fmt::format("t5_h128_{}_{}", dtype_name(x), dtype_name(out)),
                          strided_operand(x, {5, 128}, fill_normal()), {1e-6f, out}));
    }
  }
  for (std::int64_t h : {2, 7, 8, 9, 15, 16, 17, 32, 5000}) {
    list.push_back(
        with(fmt::format("width_{}", h), {.desc = {DType::kF32, {3, h}}, .fill = fill_normal()}, {}));
  }
  list.push_back(
      with("one_token", {.desc = {DType::kBF16, {1, 128}}, .fill = fill_normal()}, {1e-6f, DType::kBF16}));
  list.push_back(with("many_tokens", {.desc = {DType::kF32, {999, 32}}, .fill = fill_normal()}, {}));
  list.push_back(
      with("constant_row_gives_bias", {.desc = {DType::kF32, {3, 48}}, .fill = fill_constant(3)}, {}));
  list.push_back(with("width_1_gives_bias", {.desc = {DType::kF32, {3, 1}}, .fill = fill_normal()}, {}));
  list.push_back(with("mean_64_deviation_1", {.desc = {DType::kF32, {6, 128}}, .fill = fill_around(64)}, {}));
  list.push_back(with("tiny", {.desc = {DType::kF32, {4, 40}}, .fill = fill_normal(1e-3)}, {}));
  list.push_back(timed(with("index_key_t4096", {.desc = {DType::kBF16, {4096, 128}}, .fill = fill_normal()},
                            {1e-6f, DType::kBF16})));
  return list;
}

}  // namespace tamis::cases
