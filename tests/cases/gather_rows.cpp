// Cases of gather_rows: duplicates, any order, holes and indices outside, no and many rows, strided x with
// poisoned gaps.
#include "core/ops/gather_rows/gather_rows.h"

#include <algorithm>

#include "tests/cases/rows.h"

namespace tamis::cases {
namespace {

Case exact(std::string name, CaseOperand x, CaseOperand rows) {
  Case c = make_case(std::move(name), GatherRowsParams{}, {std::move(x), std::move(rows), output()});
  c.compare = compare_exact;
  return c;
}

// The last token of each of up to 64 sequences in a chunk.
void add_perf(CaseList& list) {
  const auto last_tokens = [](std::int64_t tokens) {
    const std::int64_t rows = std::min<std::int64_t>(tokens, 64);
    return exact(fmt::format("last_tokens_t{}", tokens),
                 {.desc = {DType::kBF16, {tokens, 7168}}, .fill = fill_normal()},
                 {.desc = {DType::kI32, {rows}}, .fill = fill_ints(0, tokens)});
  };
  add_timed(list, last_tokens, {1, 4096});
  // All rows in their order: a kernel's copy, which bench holds against the queue's.
  const auto copy = [](std::int64_t tokens) {
    Case c = exact(fmt::format("copy_t{}", tokens),
                   {.desc = {DType::kBF16, {tokens, 8192}}, .fill = fill_normal()},
                   {.desc = {DType::kI32, {tokens}}, .fill = fill_iota()});
    c.ceiling = true;
    return c;
  };
  add_timed(list, copy, {4096});
}

}  // namespace

CaseList cases_gather_rows() {
  CaseList list;
  for (DType dtype : kActivations) {
    list.push_back(exact(fmt::format("t7_n4_h33_{}", dtype_name(dtype)),
                         {.desc = {dtype, {7, 33}}, .fill = fill_normal()},
                         {.desc = {DType::kI32, {4}}, .fill = fill_values({6, 0, 0, 3})}));
    list.push_back(exact(fmt::format("strided_{}", dtype_name(dtype)),
                         strided_operand(dtype, {7, 33}, fill_normal()),
                         {.desc = {DType::kI32, {7}}, .fill = fill_iota()}));
  }
  list.push_back(exact(
      "rows_outside_give_zeros", {.desc = {DType::kF32, {3, 5}}, .fill = fill_normal()},
      {.desc = {DType::kI32, {8}}, .fill = fill_values({-1, 2, 3, -2147483648.0, 2147483647.0, 0, -7, 1})}));
  list.push_back(exact("one_row_of_one", {.desc = {DType::kF16, {1, 1}}, .fill = fill_normal()},
                       {.desc = {DType::kI32, {1}}, .fill = fill_constant(0)}));
  list.push_back(exact("more_rows_than_x_has", {.desc = {DType::kBF16, {13, 72}}, .fill = fill_normal()},
                       {.desc = {DType::kI32, {999}}, .fill = fill_ints(-1, 14)}));
  list.push_back(exact("keeps_nan_inf_and_signed_zero",
                       {.desc = {DType::kF32, {2, 4}}, .fill = fill_values({NAN, INFINITY, -INFINITY, -0.0})},
                       {.desc = {DType::kI32, {2}}, .fill = fill_iota()}));
  add_perf(list);
  return list;
}

}  // namespace tamis::cases
