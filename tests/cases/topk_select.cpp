// Cases of topk_select: visible counts at the cliffs of k, ties on rank k, zero plateaus of both signs, -inf
// as value and as padding, NaN, neighbouring bit patterns, garbage outside [ks, ke), long rows.
#include "core/ops/topk_select/topk_select.h"

#include <cmath>
#include <cstring>

#include "tests/cases/rows.h"

namespace tamis::cases {
namespace {

struct Shape {
  std::int64_t tokens, width;
  std::int32_t k;
};

// Visible counts at the cliffs, one row each; scores outside are garbage that must not be read.
std::vector<std::int64_t> cliffs(std::int64_t k) {
  return {0, 1, k - 1, k, k + 1, 2 * k, 2 * k + 1, 4 * k + 3};
}

CaseOperand vector_of(std::vector<double> values, std::int64_t tokens) {
  return {.desc = {DType::kI32, {tokens}}, .fill = fill_values(std::move(values))};
}

// Rows all see [0, width).
Case full(std::string name, const Shape& s, Fill scores) {
  return make_case(std::move(name), TopkSelectParams{s.k},
                   {{.desc = {DType::kF32, {s.tokens, s.width}}, .fill = std::move(scores)},
                    absent(),
                    vector_of({static_cast<double>(s.width)}, s.tokens),
                    output(),
                    output()});
}

// One row per cliff, at column `start`; everything invisible is a score that would win, or NaN.
Case at_cliffs(std::int32_t k, std::int64_t start, const Fill& visible) {
  const std::vector<std::int64_t> counts = cliffs(k);
  const auto tokens = static_cast<std::int64_t>(counts.size());
  const std::int64_t width = start + counts.back() + 5;
  std::vector<double> ke;
  for (std::int64_t count : counts) ke.push_back(static_cast<double>(start + count));
  const Fill fill = [=](HostView& view, Rng& rng) {
    visible(view, rng);
    for (std::int64_t t = 0; t < tokens; ++t) {
      for (std::int64_t s = 0; s < width; ++s) {
        if (s >= start && s < start + counts[static_cast<std::size_t>(t)]) continue;
        view.set(t * width + s, s % 2 == 0 ? INFINITY : NAN);
      }
    }
  };
  return make_case(fmt::format("cliffs_k{}_from{}", k, start), TopkSelectParams{k},
                   {{.desc = strided(DType::kF32, {tokens, width}, width + 7), .fill = fill},
                    start > 0 ? vector_of({static_cast<double>(start)}, tokens) : absent(),
                    vector_of(std::move(ke), tokens),
                    output(),
                    output()});
}

// `share` of the scores are exact zeros of either sign, the rest normal: rank k falls on the plateau.
Fill fill_plateau(double share) {
  return [share](HostView& view, Rng& rng) {
    for (std::int64_t i = 0; i < view.size(); ++i) {
      const double zero = rng.below(2) == 0 ? 0.0 : -0.0;
      view.set(i, rng.uniform(0, 1) < share ? zero : rng.normal());
    }
  };
}

// Scores whose keys differ in the last bits only, around `center`.
Fill fill_neighbours(float center) {
  return [center](HostView& view, Rng& rng) {
    for (std::int64_t i = 0; i < view.size(); ++i) {
      std::uint32_t bits;
      std::memcpy(&bits, &center, 4);
      bits += static_cast<std::uint32_t>(rng.below(40));
      std::memcpy(view.address(i), &bits, 4);
    }
  };
}

void add_ties(CaseList& list) {
  list.push_back(full("all_equal", {3, 200, 64}, fill_constant(1.5)));
  list.push_back(full("all_zero_of_both_signs", {3, 200, 64}, fill_values({0.0, -0.0, -0.0})));
  list.push_back(full("two_values_tie_on_rank_k", {4, 300, 100}, fill_values({2, 1, 1, 1, 1})));
  list.push_back(full("plateau_half", {20, 400, 160}, fill_plateau(0.5)));
  list.push_back(full("plateau_most", {20, 400, 160}, fill_plateau(0.97)));
  list.push_back(full("few_distinct", {10, 1000, 333}, fill_ints(-3, 4)));
  for (float center : {1.0f, -1.0f, 1e-40f, -3e38f}) {
    list.push_back(full(fmt::format("neighbours_of_{}", center), {4, 700, 250}, fill_neighbours(center)));
  }
  list.push_back(full("better_scores_come_last", {2, 500, 10}, fill_iota(-250)));
}

// For rows that guess a threshold from a part of the scores, eight of every 128, and read again where that
// was wrong: these are better or worse than all others, or the same in all.
void add_misleading_samples(CaseList& list) {
  const auto sampled = [](std::int64_t column) { return column / 8 % 16 == column / 128 * 7 % 16; };
  for (double other : {-10.0, 10.0}) {
    list.push_back(
        full(fmt::format("sample_against_{}", other), {1, 65536, 2048}, [=](HostView& view, Rng& rng) {
          for (std::int64_t i = 0; i < view.size(); ++i)
            view.set(i, rng.normal() + (sampled(i) ? 0.0 : other));
        }));
  }
  list.push_back(full("neighbours_in_a_long_row", {2, 20000, 2048}, fill_neighbours(1.0f)));
}

void add_odd_values(CaseList& list) {
  const double inf = INFINITY;
  list.push_back(full("negative_infinity_is_a_value", {2, 60, 40}, fill_values({-inf, 1, -inf, -2, -inf})));
  list.push_back(full("nan_only_after_negative_infinity", {2, 60, 50}, fill_values({NAN, -inf, -5, NAN})));
  list.push_back(full("nan_not_chosen", {2, 90, 30}, fill_values({NAN, -1e30, -inf})));
  list.push_back(full("nan_of_either_sign", {2, 64, 20}, [](HostView& view, Rng& rng) {
    const std::uint32_t nans[] = {0x7fc00000u, 0xffc00000u, 0x7f800001u, 0xffffffffu};
    for (std::int64_t i = 0; i < view.size(); ++i) {
      if (i % 3 == 0)
        std::memcpy(view.address(i), &nans[i / 3 % 4], 4);
      else
        view.set(i, -1e30 * rng.uniform(0, 1));
    }
  }));
  list.push_back(full("all_nan", {2, 40, 10}, fill_constant(NAN)));
  list.push_back(full("all_negative_infinity", {2, 40, 10}, fill_constant(-inf)));
  list.push_back(full("infinities_and_extremes", {3, 99, 33},
                      fill_values({inf, 3.4e38, -3.4e38, 1e-45, -1e-45, 0, -0.0, -inf})));
  // The scores op's padding: valid keys are never beaten by it.
  list.push_back(full("padding_loses_to_valid_keys", {2, 128, 32}, [](HostView& view, Rng& rng) {
    for (std::int64_t i = 0; i < view.size(); ++i)
      view.set(i, i % 4 == 1 ? -1e6 - rng.uniform(0, 1e6) : -INFINITY);
  }));
}

// DeepSeek-V3.2: 2048 of 64K keys, for one decode step of a sequence and for a chunk of a prefill.
void add_perf(CaseList& list) {
  const auto of = [](std::int64_t keys) {
    return [keys](std::int64_t tokens) {
      return full(fmt::format("k2048_{}k_t{}", keys / 1024, tokens), {tokens, keys, 2048}, fill_normal());
    };
  };
  add_timed(list, of(65536), {1, 64});
  add_timed_large(list, of(65536), {4096});
  add_timed_large(list, of(131072), {64});
}

}  // namespace

CaseList cases_topk_select() {
  CaseList list;
  for (std::int32_t k : {1, 2, 16, 63, 64}) {
    list.push_back(at_cliffs(k, 0, fill_normal()));
    list.push_back(at_cliffs(k, 9, fill_plateau(0.6)));
  }
  list.push_back(at_cliffs(2048, 3, fill_normal()));
  add_ties(list);
  add_misleading_samples(list);
  add_odd_values(list);
  list.push_back(full("k_above_width", {3, 20, 50}, fill_normal()));
  list.push_back(full("one_column", {3, 1, 1}, fill_normal()));
  list.push_back(full("long_rows", {2, 100003, 2048}, fill_normal()));
  list.push_back(full("long_rows_plateau", {1, 65536, 2048}, fill_plateau(0.99)));
  list.push_back(full("long_rows_all_equal", {2, 70001, 2048}, fill_constant(-0.0)));
  list.push_back(full("a_million_columns", {1, 1050003, 2048}, fill_normal()));
  list.push_back(full("a_million_columns_plateau", {1, 1048577, 2048}, fill_plateau(0.999)));
  Case cut = full("bounds_beyond_the_row_are_cut", {8, 50, 20}, fill_normal());
  cut.operands[1] = vector_of({-3, 0, 49, 50, 60, 2147483647, -2147483648.0, 10}, 8);
  cut.operands[2] = vector_of({50, 51, 2147483647, 50, 70, -1, 25, -2147483648.0}, 8);
  list.push_back(cut);
  add_perf(list);
  return list;
}

}  // namespace tamis::cases
