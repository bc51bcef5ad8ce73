// Cases of concat: ranks 2 and 3, every activation dtype and packed codes, either side strided, sides of one
// element.
#include "core/ops/concat/concat.h"

#include "tests/cases/rows.h"

namespace tamis::cases {
namespace {

Case exact(std::string name, CaseOperand a, CaseOperand b) {
  Case c = make_case(std::move(name), ConcatParams{}, {std::move(a), std::move(b), output()});
  c.compare = compare_exact;
  return c;
}

// What DeepSeek-V3.2's MTP layer joins.
void add_perf(CaseList& list) {
  const auto mtp = [](std::int64_t tokens) {
    return exact(fmt::format("mtp_t{}", tokens),
                 {.desc = {DType::kBF16, {tokens, 7168}}, .fill = fill_normal()},
                 {.desc = {DType::kBF16, {tokens, 7168}}, .fill = fill_normal()});
  };
  add_timed(list, mtp, {1, 4096});
}

}  // namespace

CaseList cases_concat() {
  CaseList list;
  for (DType dtype : {DType::kF32, DType::kBF16, DType::kF16, DType::kE4M3, DType::kI32}) {
    list.push_back(exact(fmt::format("t5_a17_b8_{}", dtype_name(dtype)),
                         {.desc = {dtype, {5, 17}}, .fill = fill_normal(9)},
                         {.desc = {dtype, {5, 8}}, .fill = fill_normal(9)}));
    list.push_back(exact(fmt::format("heads_strided_{}", dtype_name(dtype)),
                         strided_operand(dtype, {6, 3, 16}, fill_normal(9)),
                         strided_operand(dtype, {6, 3, 9}, fill_normal(9))));
  }
  list.push_back(exact("one_element_each", {.desc = {DType::kF32, {1, 1}}, .fill = fill_normal()},
                       {.desc = {DType::kF32, {1, 1}}, .fill = fill_normal()}));
  list.push_back(exact("only_b_strided", {.desc = {DType::kBF16, {700, 64}}, .fill = fill_normal()},
                       strided_operand(DType::kBF16, {700, 31}, fill_normal())));
  add_perf(list);
  return list;
}

}  // namespace tamis::cases
