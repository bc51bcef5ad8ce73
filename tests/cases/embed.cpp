// Cases of embed: every table and output dtype, ids at and beyond the ends, padding, a table in pieces that
// cut scale blocks.
#include "core/ops/embed/embed.h"

#include "tests/cases/rows.h"

namespace tamis::cases {
namespace {

constexpr double kLowest = -2147483648.0, kHighest = 2147483647.0;

CaseOperand table(DType dtype, std::int64_t vocabulary, std::int64_t h) {
  return {.desc = {dtype, {vocabulary, h}}, .fill = fill_normal(dtype == DType::kE4M3 ? 4.0 : 1.0)};
}

Case exact(std::string name, CaseOperand ids, CaseOperand weight, DType out) {
  Case c = make_case(std::move(name), EmbedParams{out}, {std::move(ids), std::move(weight), output()});
  c.compare = compare_exact;
  return c;
}

// DeepSeek-V3.2's table, 1.9 GB.
void add_perf(CaseList& list) {
  const auto v32 = [](std::int64_t tokens) {
    return exact(fmt::format("v32_t{}", tokens),
                 {.desc = {DType::kI32, {tokens}}, .fill = fill_ints(0, 129280)},
                 table(DType::kBF16, 129280, 7168), DType::kBF16);
  };
  add_timed(list, v32, {1, 4096});
}

}  // namespace

CaseList cases_embed() {
  CaseList list;
  const DType tables[] = {DType::kF32, DType::kBF16, DType::kF16, DType::kE4M3};
  for (DType weight : tables) {
    for (DType out : kActivations) {
      list.push_back(exact(fmt::format("t5_v37_h33_{}_{}", dtype_name(weight), dtype_name(out)),
                           {.desc = {DType::kI32, {5}}, .fill = fill_ints(0, 37)}, table(weight, 37, 33),
                           out));
    }
  }
  list.push_back(exact("one_token_h1", {.desc = {DType::kI32, {1}}, .fill = fill_constant(2)},
                       table(DType::kF32, 3, 1), DType::kF32));
  list.push_back(exact("many_tokens", {.desc = {DType::kI32, {1031}}, .fill = fill_ints(0, 129)},
                       table(DType::kBF16, 129, 200), DType::kBF16));
  list.push_back(
      exact("ids_outside_give_zeros",
            {.desc = {DType::kI32, {9}}, .fill = fill_values({0, -1, 36, 37, -2, kLowest, kHighest, 5, 38})},
            table(DType::kBF16, 37, 40), DType::kF32));
  Case pieces = exact("table_pieces_cut_blocks", {.desc = {DType::kI32, {300}}, .fill = fill_iota()},
                      table(DType::kE4M3, 300, 150), DType::kBF16);
  pieces.operands[1].first_row = 100;
  pieces.operands[1].first_col = 60;
  pieces.operands[1].piece_rows = {1, 150, 149};
  list.push_back(std::move(pieces));
  add_perf(list);
  return list;
}

}  // namespace tamis::cases
