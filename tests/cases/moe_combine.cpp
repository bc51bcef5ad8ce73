// Cases of moe_combine: every dtype pair, absent rows with NaN weights, rows outside y, a row used twice,
// with and without shared, column pieces' edges, strided operands.
#include "core/ops/moe_combine/moe_combine.h"

#include <limits>

#include "tests/cases/rows.h"

namespace tamis::cases {
namespace {

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

struct Shape {
  std::int64_t tokens, topk, hidden;
};

Case combine_case(std::string name, const Shape& s, DType y, DType out) {
  const std::int64_t rows = s.tokens * s.topk;
  return make_case(std::move(name), MoeCombineParams{out},
                   {{.desc = {y, {rows, s.hidden}}, .fill = fill_normal()},
                    {.desc = {DType::kI32, {s.tokens, s.topk}}, .fill = fill_ints(-1, rows)},
                    {.desc = {DType::kF32, {s.tokens, s.topk}}, .fill = fill_uniform(0, 1)},
                    {.desc = {y, {s.tokens, s.hidden}}, .fill = fill_normal()},
                    output()});
}

Case without_shared(Case test_case) {
  test_case.name += "_no_shared";
  test_case.operands[moe_combine_operand::kShared] = absent();
  return test_case;
}

// Every second row absent, in all the ways there are, its weight NaN.
Case with_absent_rows(const Shape& s) {
  Case test_case = combine_case("absent_rows_have_nan_weights", s, DType::kF32, DType::kF32);
  test_case.operands[moe_combine_operand::kRowOf].fill =
      fill_values({0, -1, 3, static_cast<double>(s.tokens * s.topk), 2, -2147483648.0, 1, 2147483647.0});
  test_case.operands[moe_combine_operand::kWeights].fill = fill_values({0.5, kNan, -1.25, kNan});
  return test_case;
}

// DeepSeek-V3.2: eight experts a token.
void add_perf(CaseList& list) {
  const auto v32 = [](std::int64_t tokens) {
    Case c = combine_case(fmt::format("v32_t{}", tokens), {tokens, 8, 7168}, DType::kBF16, DType::kBF16);
    c.operands[moe_combine_operand::kRowOf].fill = fill_ints(0, tokens * 8);
    return c;
  };
  add_timed(list, v32, {1, 1024});
}

}  // namespace

CaseList cases_moe_combine() {
  CaseList list;
  for (DType y : {DType::kF32, DType::kBF16, DType::kF16}) {
    for (DType out : {DType::kF32, DType::kBF16, DType::kF16}) {
      const Shape s{9, 3, 70};
      list.push_back(combine_case(fmt::format("{}_to_{}", dtype_name(y), dtype_name(out)), s, y, out));
      list.push_back(without_shared(list.back()));
    }
  }
  for (const Shape& s :
       {Shape{1, 1, 1}, Shape{1, 8, 511}, Shape{2, 8, 512}, Shape{3, 8, 1025}, Shape{200, 2, 33}}) {
    list.push_back(
        combine_case(fmt::format("t{}_k{}_h{}", s.tokens, s.topk, s.hidden), s, DType::kBF16, DType::kBF16));
  }
  list.push_back(with_absent_rows({6, 4, 40}));
  list.push_back(without_shared(with_absent_rows({6, 4, 40})));
  Case nothing = combine_case("no_rows", {4, 2, 30}, DType::kF32, DType::kF32);
  nothing.operands[moe_combine_operand::kRowOf].fill = fill_constant(-1);
  list.push_back(without_shared(nothing));
  list.push_back(std::move(nothing));
  Case strided_case = combine_case("strided", {5, 3, 40}, DType::kF32, DType::kF32);
  strided_case.operands[0].desc = strided(DType::kF32, {15, 40}, 48);
  strided_case.operands[1].desc = strided(DType::kI32, {5, 3}, 7);
  strided_case.operands[2].desc = strided(DType::kF32, {5, 3}, 4);
  strided_case.operands[3].desc = strided(DType::kBF16, {5, 40}, 64);
  list.push_back(std::move(strided_case));
  add_perf(list);
  return list;
}

}  // namespace tamis::cases
