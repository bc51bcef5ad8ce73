// Cases of argmax: planted ties, all-negative rows, -0, NaN before and behind the maximum, rows of NaN or
// -inf, the 1024-logit pieces' edges, strided rows, every dtype, a vocabulary's width.
#include "core/ops/argmax/argmax.h"

#include <limits>

#include "tests/cases/rows.h"

namespace tamis::cases {
namespace {

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
constexpr double kInf = std::numeric_limits<double>::infinity();

Case argmax_case(std::string name, const TensorDesc& logits, Fill fill) {
  return make_case(std::move(name), ArgmaxParams{}, {{.desc = logits, .fill = std::move(fill)}, output()});
}

// Coarse values: every maximum is tied many times.
Fill fill_coarse() { return fill_ints(-3, 4); }

// Normal logits, all below -1.
Fill fill_negative() {
  return [](HostView& view, Rng& rng) {
    for (std::int64_t i = 0; i < view.size(); ++i) view.set(i, rng.uniform(-9, -1));
  };
}

// Two equal maxima on either side of a piece's edge; NaN around both.
Fill fill_edge_tie(std::int64_t first, std::int64_t second) {
  return [first, second](HostView& view, Rng& rng) {
    const std::int64_t width = view.desc().dim(1);
    for (std::int64_t i = 0; i < view.size(); ++i) view.set(i, rng.uniform(-1, 1));
    for (std::int64_t row = 0; row < view.desc().dim(0); ++row) {
      view.set(row * width, kNan);
      view.set(row * width + first, 2);
      view.set(row * width + second, 2);
      view.set(row * width + second + 1, kNan);
    }
  };
}

}  // namespace

CaseList cases_argmax() {
  CaseList list;
  for (DType dtype : {DType::kF32, DType::kBF16, DType::kF16}) {
    for (std::int64_t width : {1, 7, 1023, 1024, 1025}) {
      list.push_back(argmax_case(fmt::format("n5_v{}_{}", width, dtype_name(dtype)), {dtype, {5, width}},
                                 fill_normal()));
    }
    list.push_back(argmax_case(fmt::format("ties_{}", dtype_name(dtype)), {dtype, {33, 257}}, fill_coarse()));
    list.push_back(
        argmax_case(fmt::format("negative_{}", dtype_name(dtype)), {dtype, {3, 300}}, fill_negative()));
    list.push_back(argmax_case(fmt::format("strided_{}", dtype_name(dtype)), strided(dtype, {9, 100}, 131),
                               fill_normal()));
  }
  list.push_back(argmax_case("vocabulary", {DType::kF32, {2, 129280}}, fill_normal()));
  list.push_back(argmax_case("tie_across_pieces", {DType::kF32, {2, 3000}}, fill_edge_tie(1023, 1024)));
  list.push_back(argmax_case("tie_last", {DType::kF32, {2, 2050}}, fill_edge_tie(2047, 2048)));
  list.push_back(argmax_case("constant_row", {DType::kF32, {3, 50}}, fill_constant(-7)));
  list.push_back(
      argmax_case("signed_zeros", {DType::kF32, {2, 6}}, fill_values({-1, -0.0, 0.0, -0.0, 0.0, -2})));
  list.push_back(argmax_case("all_nan", {DType::kF32, {2, 40}}, fill_constant(kNan)));
  list.push_back(argmax_case("all_minus_inf", {DType::kF32, {2, 40}}, fill_constant(-kInf)));
  list.push_back(
      argmax_case("nan_then_minus_inf", {DType::kF32, {2, 4}}, fill_values({kNan, kNan, -kInf, -kInf})));
  list.push_back(
      argmax_case("infinities", {DType::kF32, {1, 6}}, fill_values({0, kNan, kInf, 3, kInf, -kInf})));
  const auto logits = [](std::int64_t rows) {
    return argmax_case(fmt::format("logits_t{}", rows), {DType::kF32, {rows, 129280}}, fill_normal());
  };
  add_timed(list, logits, {1, 64});
  return list;
}

}  // namespace tamis::cases
