// Cases of quantize_group: both scale rules, groups that end a row short, per-head groups, strides, every
// dtype, and amax on either side of every cliff: the floor, a power of two of 448, the largest and smallest
// codes. Codes and scales must have the oracle's bits.
#include "core/ops/quantize_group/quantize_group.h"

#include <cmath>

#include "tests/cases/rows.h"

namespace tamis::cases {
namespace {

Case with(std::string name, CaseOperand x, const QuantizeGroupParams& params) {
  Case c = make_case(fmt::format("{}_{}", name, params.pow2 ? "pow2" : "f32"), params,
                     {std::move(x), output(), output()});
  c.compare = compare_exact;
  return c;
}

// Groups of four: amax, then values at its code boundaries.
std::vector<double> amax_cliffs() {
  std::vector<double> values;
  const double powers[] = {448 * 0x1p-9, 448 * 0x1p-8, 448.0, 896.0};
  for (double power : powers) {
    for (double amax : {power * (1 - 0x1p-8), power, power * (1 + 0x1p-7)}) {
      values.insert(values.end(), {amax, -amax / 2, amax / 448 * 1.0625, amax * 0x1p-18});
    }
  }
  for (double amax : {0.5, 1.0, 3.0, 1000.0, 1e-4, 0.99e-4, 1.01e-4, 1e-6, 1e-30}) {
    values.insert(values.end(), {-amax, amax / 3, amax / 448, 0.0});
  }
  return values;
}

void add_rule(bool pow2, CaseList& list) {
  for (DType dtype : kActivations) {
    list.push_back(with(fmt::format("per_head_{}", dtype_name(dtype)),
                        strided_operand(dtype, {5, 3, 32}, fill_normal(3)), {32, pow2}));
    list.push_back(with(fmt::format("t4_k300_{}", dtype_name(dtype)),
                        strided_operand(dtype, {4, 300}, fill_normal(0.02)), {128, pow2}));
    list.push_back(with(fmt::format("amax_cliffs_{}", dtype_name(dtype)),
                        {.desc = {dtype, {3, 28}}, .fill = fill_values(amax_cliffs())}, {4, pow2}));
  }
  for (std::int64_t k : {1, 127, 128, 129, 255, 256, 257}) {
    list.push_back(with(fmt::format("width_{}", k), {.desc = {DType::kF32, {3, k}}, .fill = fill_normal()},
                        {128, pow2}));
  }
  const auto plain = [](std::int64_t tokens, std::int64_t k, Fill fill) {
    return CaseOperand{.desc = {DType::kF32, {tokens, k}}, .fill = std::move(fill)};
  };
  list.push_back(with("group_of_one", plain(3, 5, fill_normal()), {1, pow2}));
  list.push_back(with("group_wider_than_row", plain(3, 5, fill_normal()), {128, pow2}));
  list.push_back(with("many_tokens", plain(700, 130, fill_normal()), {128, pow2}));
  list.push_back(with("zeros", plain(2, 256, fill_constant(0)), {128, pow2}));
  list.push_back(with("signed_zeros_and_subnormals",
                      plain(2, 8, fill_values({-0.0, 0.0, 0x1p-149, -0x1p-149})), {4, pow2}));
  list.push_back(
      with("nan_and_inf_stay_in_their_group",
           plain(2, 96,
                 plant(fill_normal(), {{3, NAN}, {40, INFINITY}, {64, -INFINITY}, {126, 50.0}, {127, NAN}})),
           {32, pow2}));
  list.push_back(with("largest_floats", plain(1, 8, fill_values({3.4e38, -3.4e38, 1e38, 1e30})), {4, pow2}));
}

}  // namespace

CaseList cases_quantize_group() {
  CaseList list;
  add_rule(true, list);
  add_rule(false, list);
  const auto index_query = [](std::int64_t tokens) {
    return with(fmt::format("index_query_t{}", tokens),
                {.desc = {DType::kBF16, {tokens, 64, 128}}, .fill = fill_normal()}, {128, true});
  };
  const auto hidden = [](std::int64_t tokens) {
    return with(fmt::format("hidden_t{}", tokens),
                {.desc = {DType::kBF16, {tokens, 7168}}, .fill = fill_normal()}, {128, true});
  };
  add_timed(list, index_query, {1, 4096});
  add_timed(list, hidden, {1, 4096});
  return list;
}

}  // namespace tamis::cases
