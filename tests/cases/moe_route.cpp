// Cases of moe_route: the published routers' sizes, odd ones, group and expert ties, duplicated maxima,
// biases that only select, negative biased scores beside dropped groups, fewer experts left than topk, NaN
// and infinities, padding.
#include "core/ops/moe_route/moe_route.h"

#include <limits>

#include "tests/cases/rows.h"

namespace tamis::cases {
namespace {

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
constexpr double kInf = std::numeric_limits<double>::infinity();
constexpr MoeRouteParams kV3{.topk = 8, .n_group = 8, .topk_group = 4, .norm_topk = true, .scale = 2.5f};
constexpr MoeRouteParams kGlm{.topk = 8, .n_group = 1, .topk_group = 1, .norm_topk = true, .scale = 2.5f};

struct Inputs {
  CaseOperand logits;
  CaseOperand bias{};
  CaseOperand slot{};
};

Case route_case(std::string name, const MoeRouteParams& params, Inputs in) {
  return make_case(std::move(name), params,
                   {std::move(in.logits), std::move(in.bias), std::move(in.slot), output(), output()});
}

CaseOperand logits(std::int64_t tokens, std::int64_t experts, Fill fill = fill_normal()) {
  return {.desc = {DType::kF32, {tokens, experts}}, .fill = std::move(fill)};
}

CaseOperand bias(std::int64_t experts, Fill fill = fill_normal(0.05)) {
  return {.desc = {DType::kF32, {experts}}, .fill = std::move(fill)};
}

CaseOperand slots(std::int64_t tokens, Fill fill) {
  return {.desc = {DType::kI32, {tokens}}, .fill = std::move(fill)};
}

// Logits out of few values: every choice is a tie.
Fill fill_coarse(int values) {
  return [values](HostView& view, Rng& rng) {
    for (std::int64_t i = 0; i < view.size(); ++i) view.set(i, static_cast<double>(rng.below(values)) - 1);
  };
}

// Normal logits; NaN in the rows whose slot will be -1 (every third).
Fill fill_padded() {
  return [](HostView& view, Rng& rng) {
    const std::int64_t width = view.desc().dim(1);
    for (std::int64_t i = 0; i < view.size(); ++i) view.set(i, i / width % 3 == 1 ? kNan : rng.normal());
  };
}

// NaN and infinities strewn over normal logits.
Fill fill_with_specials(int one_in) {
  return [one_in](HostView& view, Rng& rng) {
    const double special[] = {kNan, kInf, -kInf, -0.0};
    for (std::int64_t i = 0; i < view.size(); ++i) {
      const double value = rng.normal();
      view.set(i, rng.below(one_in) == 0 ? special[rng.below(4)] : value);
    }
  };
}

void add_sizes(CaseList& list) {
  for (std::int64_t tokens : {1, 2, 37}) {
    list.push_back(route_case(fmt::format("v3_t{}", tokens), kV3, {logits(tokens, 256), bias(256)}));
    list.push_back(route_case(fmt::format("glm_t{}", tokens), kGlm, {logits(tokens, 256), bias(256)}));
  }
  list.push_back(route_case("v3_no_bias", kV3, {logits(5, 256)}));
  list.push_back(
      route_case("tiny", {.topk = 2, .n_group = 2, .topk_group = 1, .scale = 1.5f}, {logits(9, 8), bias(8)}));
  list.push_back(
      route_case("odd_sizes", {.topk = 5, .n_group = 3, .topk_group = 2}, {logits(17, 45), bias(45)}));
  list.push_back(route_case("no_norm",
                            {.topk = 6, .n_group = 8, .topk_group = 3, .norm_topk = false, .scale = 16.0f},
                            {logits(7, 160), bias(160)}));
  list.push_back(
      route_case("many_experts", {.topk = 5, .n_group = 3, .topk_group = 2}, {logits(3, 9000), bias(9000)}));
  list.push_back(route_case("one_expert", {.topk = 1}, {logits(3, 1), bias(1)}));
  list.push_back(
      route_case("topk_is_all", {.topk = 12, .n_group = 4, .topk_group = 4}, {logits(3, 12), bias(12)}));
  list.push_back(route_case(
      "strided", kV3, {{.desc = strided(DType::kF32, {6, 256}, 300), .fill = fill_normal()}, bias(256)}));
}

void add_ties(CaseList& list) {
  list.push_back(route_case("all_equal", kV3, {logits(3, 256, fill_constant(0.25))}));
  list.push_back(route_case("coarse_groups", kV3, {logits(40, 256, fill_coarse(3))}));
  list.push_back(route_case("coarse_one_group", kGlm, {logits(40, 256, fill_coarse(2))}));
  list.push_back(route_case("coarse_small", {.topk = 3, .n_group = 5, .topk_group = 2},
                            {logits(64, 15, fill_coarse(3))}));
  // sigmoid(18) and above round to 1, so the id decides, not the logit.
  list.push_back(route_case("saturated_tie", {.topk = 2}, {logits(1, 5, fill_values({-3, 20, 1, 40, 30}))}));
  // Group 0 holds its maximum twice (1.8 > 1.7): counted once it would lose.
  list.push_back(
      route_case("duplicate_maximum", {.topk = 2, .n_group = 2, .topk_group = 1},
                 {logits(1, 6, fill_constant(0)), bias(6, fill_values({.4, .4, -.4, .45, .25, .2}))}));
  list.push_back(
      route_case("group_tie_lower_wins", {.topk = 2, .n_group = 3, .topk_group = 1},
                 {logits(1, 6, fill_constant(0)), bias(6, fill_values({0, 0, .25, .5, .5, .25}))}));
}

void add_selection_traps(CaseList& list) {
  // All biased scores below 0: experts of dropped groups masked to 0 would win.
  list.push_back(
      route_case("negative_beside_dropped", kV3, {logits(9, 256), bias(256, fill_uniform(-3, -2))}));
  list.push_back(route_case("negative_few_left", {.topk = 4, .n_group = 4, .topk_group = 2},
                            {logits(9, 8), bias(8, fill_uniform(-9, -2))}));
  // The bias picks experts of tiny p; weights must not see it.
  list.push_back(route_case("bias_only_selects", {.topk = 2, .scale = 2.5f},
                            {logits(4, 6, fill_uniform(-6, -4)), bias(6, fill_values({0, 5, 0, -5, 7, 0}))}));
  list.push_back(route_case("underflowing_sum", {.topk = 2}, {logits(2, 4, fill_constant(-200))}));
  list.push_back(
      route_case("groups_of_one", {.topk = 3, .n_group = 8, .topk_group = 3}, {logits(20, 8), bias(8)}));
  list.push_back(
      route_case("fewer_than_topk", {.topk = 5, .n_group = 4, .topk_group = 1}, {logits(6, 12), bias(12)}));
  list.push_back(
      route_case("bias_infinities", {.topk = 3, .n_group = 2, .topk_group = 1},
                 {logits(5, 8), bias(8, fill_values({-kInf, 0, -kInf, -kInf, kInf, .1, -kInf, 0}))}));
}

void add_specials(CaseList& list) {
  list.push_back(route_case("specials", kV3, {logits(30, 256, fill_with_specials(12)), bias(256)}));
  list.push_back(route_case("mostly_specials", {.topk = 4, .n_group = 3, .topk_group = 2},
                            {logits(60, 12, fill_with_specials(2)), bias(12)}));
  list.push_back(route_case("all_nan", kV3, {logits(2, 256, fill_constant(kNan)), bias(256)}));
  list.push_back(
      route_case("nan_behind_minus_inf_bias", {.topk = 2},
                 {logits(1, 3, fill_values({kNan, 0, 1})), bias(3, fill_values({0, -kInf, -kInf}))}));
  list.push_back(route_case("padding", kV3,
                            {logits(20, 256, fill_padded()), bias(256), slots(20, fill_values({5, -1, 0}))}));
  list.push_back(route_case("all_padding", kGlm,
                            {logits(3, 256, fill_constant(kNan)), {}, slots(3, fill_constant(-1))}));
}

}  // namespace

CaseList cases_moe_route() {
  CaseList list;
  add_sizes(list);
  add_ties(list);
  add_selection_traps(list);
  add_specials(list);
  const auto v3 = [](std::int64_t tokens) {
    return route_case(fmt::format("v3_t{}", tokens), kV3, {logits(tokens, 256), bias(256)});
  };
  add_timed(list, v3, {1, 4096});
  return list;
}

}  // namespace tamis::cases
