// Cases of merge_lse: dtypes, odd sizes, strided inputs, and every pairing of empty, equal, far apart and
// infinite sides. A side without keys holds NaN.
#include "core/ops/merge_lse/merge_lse.h"

#include "tests/cases/kv_fills.h"
#include "tests/cases/rows.h"

namespace tamis::cases {
namespace {

struct Shape {
  std::int64_t tokens, heads, dim;
};

// Both sides cycle through the same values at different periods, so all pairs occur.
const std::vector<double> kLsesA = {0.5, -kInf, 3.25, 120.0, -4.0, 1e30, -1e30, kInf};
const std::vector<double> kLsesB = {-kInf, 0.5, 3.25, -90.0, 1.0, 1e30, -1e30, kInf, -3.75};

// Normal values; NaN where the (token, head) has no keys, 0 where its lse is +inf (as a sink of +inf leaves
// it).
Fill fill_side(std::int64_t dim, const std::vector<double>& lses) {
  return [dim, lses](HostView& view, Rng& rng) {
    for (std::int64_t i = 0; i < view.size(); ++i) {
      const double lse = lses[static_cast<std::size_t>(i / dim) % lses.size()];
      view.set(i, lse == -kInf ? kNan : lse == kInf ? 0.0 : rng.normal());
    }
  };
}

Case merge_case(const std::string& name, const Shape& s, DType a, DType b) {
  TensorDesc wide(b, {s.tokens, s.heads, s.dim});
  wide.strides = {s.heads * (s.dim + 5) + 2, s.dim + 5, 1};
  return make_case(
      fmt::format("{}_{}_{}", name, dtype_name(a), dtype_name(b)), MergeLseParams{},
      {{.desc = {a, {s.tokens, s.heads, s.dim}}, .fill = fill_side(s.dim, kLsesA)},
       {.desc = {DType::kF32, {s.tokens, s.heads}}, .fill = fill_values(kLsesA)},
       {.desc = wide, .fill = fill_side(s.dim, kLsesB)},
       {.desc = strided(DType::kF32, {s.tokens, s.heads}, s.heads + 1), .fill = fill_values(kLsesB)},
       output(),
       output()});
}

Case uniform_case(const std::string& name, double lse_a, double lse_b) {
  const TensorDesc values(DType::kF32, {2, 3, 7}), lses(DType::kF32, {2, 3});
  const Fill nan = fill_constant(kNan), normal = fill_normal();
  return make_case(name, MergeLseParams{},
                   {{.desc = values, .fill = lse_a == -kInf ? nan : normal},
                    {.desc = lses, .fill = fill_constant(lse_a)},
                    {.desc = values, .fill = lse_b == -kInf ? nan : normal},
                    {.desc = lses, .fill = fill_constant(lse_b)},
                    output(),
                    output()});
}

// Two halves of DeepSeek-V3.2's attention; every token has keys in both.
void add_perf(CaseList& list) {
  const auto v32 = [](std::int64_t tokens) {
    const TensorDesc values(DType::kBF16, {tokens, 128, 512}), lses(DType::kF32, {tokens, 128});
    return make_case(fmt::format("v32_t{}", tokens), MergeLseParams{},
                     {{.desc = values, .fill = fill_normal()},
                      {.desc = lses, .fill = fill_normal(3)},
                      {.desc = values, .fill = fill_normal()},
                      {.desc = lses, .fill = fill_normal(3)},
                      output(),
                      output()});
  };
  add_timed(list, v32, {1, 512});
}

}  // namespace

CaseList cases_merge_lse() {
  CaseList list;
  for (DType dtype : {DType::kF32, DType::kBF16, DType::kF16}) {
    list.push_back(merge_case("t9_h8_d33", {9, 8, 33}, dtype, dtype));
    list.push_back(merge_case("t1_h72_d1", {1, 72, 1}, dtype, DType::kF32));
  }
  list.push_back(merge_case("t40_h9_d257", {40, 9, 257}, DType::kF32, DType::kBF16));
  list.push_back(merge_case("t3_h4_d512", {3, 4, 512}, DType::kBF16, DType::kBF16));
  list.push_back(uniform_case("both_empty", -kInf, -kInf));
  list.push_back(uniform_case("a_empty", -kInf, -2));
  list.push_back(uniform_case("b_empty", 700, -kInf));
  list.push_back(uniform_case("equal", 1.5, 1.5));
  list.push_back(uniform_case("far_apart", -200, 300));
  add_perf(list);
  return list;
}

}  // namespace tamis::cases
