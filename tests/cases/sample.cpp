// Cases of sample: every step alone and all together, top-k and top-p around planted ties, the edges of each
// setting, NaN and infinite logits, penalties on seen tokens, a vocabulary's width. Settings differ from row
// to row.
#include "core/ops/sample/sample.h"

#include <limits>

#include "tests/cases/rows.h"

namespace tamis::cases {
namespace {

using namespace sample_operand;

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
constexpr double kInf = std::numeric_limits<double>::infinity();

// Settings are repeated over the rows.
struct Settings {
  std::vector<double> temperature{1.0};
  std::vector<double> top_k{0};
  std::vector<double> top_p{1.0};
  std::vector<double> min_p{0.0};
  std::vector<double> repetition{1.0};
  std::vector<double> presence{0.0};
  std::vector<double> frequency{0.0};
};

Case sample_case(std::string name, std::int64_t rows, std::int64_t vocabulary, Fill logits,
                 const Settings& s) {
  const auto setting = [rows](DType dtype, const std::vector<double>& values) {
    return CaseOperand{.desc = {dtype, {rows}}, .fill = fill_values(values)};
  };
  return make_case(std::move(name), SampleParams{},
                   {{.desc = {DType::kF32, {rows, vocabulary}}, .fill = std::move(logits)},
                    setting(DType::kF32, s.temperature),
                    setting(DType::kI32, s.top_k),
                    setting(DType::kF32, s.top_p),
                    setting(DType::kF32, s.min_p),
                    setting(DType::kF32, s.repetition),
                    setting(DType::kF32, s.presence),
                    setting(DType::kF32, s.frequency),
                    absent(),
                    {.desc = {DType::kI32, {rows, 2}}, .fill = fill_ints(-2147483647, 2147483647)},
                    {.desc = {DType::kI32, {rows}}, .fill = fill_ints(0, 200000)},
                    output(),
                    output()});
}

Case with_counts(Case test_case, Fill counts) {
  const TensorDesc& logits = test_case.operands[kLogits].desc;
  test_case.operands[kCounts] = {.desc = {DType::kI32, {logits.dim(0), logits.dim(1)}},
                                 .fill = std::move(counts)};
  return test_case;
}

Fill fill_coarse(int values) { return fill_ints(-values / 2, values - values / 2); }

Fill fill_with_specials() {
  return [](HostView& view, Rng& rng) {
    const double special[] = {kNan, -kInf, -kInf, -0.0, 0.0};
    for (std::int64_t i = 0; i < view.size(); ++i) {
      const double value = 3 * rng.normal();
      view.set(i, rng.below(3) == 0 ? special[rng.below(5)] : value);
    }
  };
}

void add_steps(CaseList& list) {
  for (std::int64_t v : {1, 2, 7, 257, 1000}) {
    list.push_back(sample_case(fmt::format("plain_v{}", v), 40, v, fill_normal(2), {}));
    list.push_back(sample_case(fmt::format("greedy_v{}", v), 5, v, fill_coarse(4),
                               {.temperature = {0, -1, kNan, -0.0}}));
  }
  list.push_back(sample_case("temperatures", 64, 300, fill_normal(4),
                             {.temperature = {0.1, 0.7, 1.5, 100, 1e-30, 1e30, 1e-45, kInf}}));
  list.push_back(sample_case("top_k", 70, 50, fill_normal(), {.top_k = {1, 2, 3, 49, 50, 51, 0, -4}}));
  list.push_back(sample_case("top_k_ties", 90, 60, fill_coarse(4), {.top_k = {1, 2, 5, 14, 15, 16, 30, 59}}));
  list.push_back(sample_case("top_p", 90, 60, fill_normal(2),
                             {.top_p = {0.1, 0.5, 0.9, 0.95, 0.999, 1, 2, 1e-9, 0, -1}}));
  list.push_back(
      sample_case("min_p", 70, 60, fill_normal(2), {.min_p = {0.01, 0.05, 0.3, 0.999, 1, 2, 0, -1}}));
  list.push_back(sample_case("all_filters", 120, 400, fill_normal(3),
                             {.temperature = {0.6, 1.0, 1.7},
                              .top_k = {40, 0, 5, 200},
                              .top_p = {0.95, 1.0, 0.6, 0.99, 0.3},
                              .min_p = {0.0, 0.02}}));
  list.push_back(
      sample_case("nan_settings_are_off", 20, 90, fill_normal(), {.top_p = {kNan}, .min_p = {kNan}}));
}

// Equal probabilities: the prefix ends within the ties, and halves and quarters are met exactly.
void add_ties(CaseList& list) {
  list.push_back(sample_case("top_p_exact_prefix", 80, 8, fill_constant(1.5),
                             {.top_p = {0.125, 0.25, 0.5, 0.75, 0.2500001}}));
  list.push_back(sample_case("top_p_ties", 80, 64, fill_coarse(3), {.top_p = {0.3, 0.5, 0.8, 0.9}}));
  list.push_back(
      sample_case("top_p_of_top_k", 80, 16, fill_constant(-2), {.top_k = {4, 8}, .top_p = {0.5, 0.5, 0.75}}));
  list.push_back(sample_case("zero_plateau", 60, 100, fill_values({0, 0, 0, -0.0, 1, 0}),
                             {.top_k = {20, 40}, .top_p = {0.9}}));
  list.push_back(sample_case("min_p_keeps_equals", 40, 30, fill_coarse(3), {.min_p = {1, 0.5, 0.3}}));
}

// Positions of seed 1 whose 24 random bits are 0, 2^23 - 1, 2^23 and 2^24 - 1. At 0 a token of probability 0
// must not be drawn; at 2^23 half of the mass is reached, not exceeded; at the last the draw ends on a kept
// token.
void add_draw_ends(CaseList& list) {
  const std::vector<std::vector<double>> rows = {{-kInf, 0, 0, -kInf}, {0, -kInf, 0, -1000}, {2, 2, 2, 2}};
  for (std::size_t i = 0; i < rows.size(); ++i) {
    Case ends = sample_case(fmt::format("draw_ends_{}", i), 4, 4, fill_values(rows[i]), {});
    ends.operands[kSeed].fill = fill_values({1, 0});
    ends.operands[kPosition].fill = fill_values({16902731, 37885809, 241083, 8418514});
    list.push_back(std::move(ends));
  }
}

void add_penalties(CaseList& list) {
  const Settings settings{.temperature = {1.0, 0.0, 0.8},
                          .top_k = {0, 10},
                          .repetition = {1.2, 1.0, 2.0, 0.7, 1.05},
                          .presence = {0.5, 0.0, -1.0, 0.0},
                          .frequency = {0.0, 0.3, 0.1}};
  list.push_back(with_counts(sample_case("penalties", 120, 80, fill_normal(2), settings), fill_ints(-1, 4)));
  list.push_back(sample_case("penalties_without_counts", 20, 80, fill_normal(2), settings));
  list.push_back(
      with_counts(sample_case("nothing_seen", 20, 80, fill_normal(2), settings), fill_constant(0)));
  // The penalty turns the order round; equal logits before it, ties after it.
  list.push_back(
      with_counts(sample_case("greedy_penalised", 12, 4, fill_values({4, 3, 3, -1}),
                              {.temperature = {0}, .repetition = {2, 1, 1}, .frequency = {0, 0.5, 1}}),
                  fill_values({1, 0, 1, 0, 2, 2, 0, 0})));
  list.push_back(with_counts(sample_case("huge_counts", 20, 40, fill_normal(), {.frequency = {1e-6, 1e-7}}),
                             fill_ints(0, 16000000)));
  list.push_back(with_counts(
      sample_case("division_by_zero", 8, 20, fill_normal(), {.repetition = {0, 1e-38}}), fill_ints(0, 2)));
}

void add_specials(CaseList& list) {
  list.push_back(
      sample_case("specials", 90, 50, fill_with_specials(), {.top_k = {0, 3, 20}, .top_p = {1, 0.8}}));
  list.push_back(
      sample_case("all_nan", 4, 30, fill_constant(kNan), {.temperature = {1, 0}, .top_k = {0, 5}}));
  list.push_back(
      sample_case("all_minus_inf", 4, 30, fill_constant(-kInf), {.temperature = {1, 0}, .top_p = {0.5}}));
  list.push_back(
      sample_case("one_finite", 6, 5, fill_values({-kInf, kNan, -kInf, -9, -kInf}), {.top_k = {0, 3}}));
  list.push_back(sample_case("plus_inf", 30, 6, fill_values({0, kInf, 5, kInf, kNan, 1}), {.top_k = {0, 1}}));
  list.push_back(
      sample_case("widest_range", 30, 4, fill_values({3e38, -3e38, 3e38, 0}), {.temperature = {1, 1e38}}));
  Case wide = sample_case("vocabulary", 3, 129280, fill_normal(2),
                          {.temperature = {0.6}, .top_k = {0, 50}, .top_p = {0.95}});
  list.push_back(with_counts(std::move(wide), fill_ints(0, 2)));
  Case strided_case =
      with_counts(sample_case("strided", 10, 33, fill_normal(), {.repetition = {1.3}}), fill_ints(0, 3));
  strided_case.operands[kLogits].desc = strided(DType::kF32, {10, 33}, 40);
  strided_case.operands[kCounts].desc = strided(DType::kI32, {10, 33}, 64);
  strided_case.operands[kSeed].desc = strided(DType::kI32, {10, 2}, 4);
  list.push_back(std::move(strided_case));
}

// A vocabulary of DeepSeek-V3.2's size, as chat settings draw from it; and greedily.
void add_perf(CaseList& list) {
  const auto drawn = [](const char* name, const Settings& settings) {
    return [=](std::int64_t rows) {
      return sample_case(fmt::format("{}_t{}", name, rows), rows, 129280, fill_normal(2), settings);
    };
  };
  add_timed(list, drawn("v32_top_p", {.temperature = {0.6}, .top_k = {50}, .top_p = {0.95}}), {1, 64});
  add_timed(list, drawn("v32_greedy", {.temperature = {0}}), {1, 64});
}

}  // namespace

CaseList cases_sample() {
  CaseList list;
  add_steps(list);
  add_ties(list);
  add_draw_ends(list);
  add_penalties(list);
  add_specials(list);
  add_perf(list);
  return list;
}

}  // namespace tamis::cases
