// Cases of moe_permute: -1 and out-of-range ids anywhere, an id twice in a token, experts without tokens, one
// expert with all of them, strided operands, one and many tokens.
#include "core/ops/moe_permute/moe_permute.h"

#include "tests/cases/rows.h"

namespace tamis::cases {
namespace {

struct Shape {
  std::int64_t tokens, topk, hidden;
  std::int32_t experts;
};

Case permute_case(std::string name, const Shape& s, DType dtype, Fill ids) {
  return make_case(std::move(name), MoePermuteParams{s.experts},
                   {{.desc = {dtype, {s.tokens, s.hidden}}, .fill = fill_normal()},
                    {.desc = {DType::kI32, {s.tokens, s.topk}}, .fill = std::move(ids)},
                    output(),
                    output(),
                    output()});
}

// Ids in [-1, experts], so absent ones and one past the last occur.
Fill fill_ids_with_holes(std::int32_t experts) { return fill_ints(-1, experts + 1); }

// DeepSeek-V3.2: eight of 256 experts a token, drawn uniformly.
void add_perf(CaseList& list) {
  const auto v32 = [](std::int64_t tokens) {
    return permute_case(fmt::format("v32_t{}", tokens), {tokens, 8, 7168, 256}, DType::kBF16,
                        fill_ints(0, 256));
  };
  add_timed(list, v32, {1, 1024});
}

}  // namespace

CaseList cases_moe_permute() {
  CaseList list;
  for (DType dtype : {DType::kF32, DType::kBF16, DType::kF16}) {
    for (const Shape& s :
         {Shape{1, 1, 1, 1}, Shape{1, 8, 24, 256}, Shape{7, 3, 33, 5}, Shape{130, 8, 40, 16}}) {
      const std::string name =
          fmt::format("t{}_k{}_h{}_e{}_{}", s.tokens, s.topk, s.hidden, s.experts, dtype_name(dtype));
      list.push_back(permute_case(name, s, dtype, fill_ints(0, s.experts)));
      list.push_back(permute_case(name + "_holes", s, dtype, fill_ids_with_holes(s.experts)));
    }
  }
  const Shape s{11, 4, 20, 6};
  list.push_back(permute_case("all_absent", s, DType::kF32, fill_constant(-1)));
  list.push_back(permute_case("one_expert_takes_all", s, DType::kF32, fill_constant(5)));
  list.push_back(permute_case("same_id_twice", s, DType::kBF16, fill_values({3, 3, 0, 0, 5, 3, -1, 5})));
  list.push_back(
      permute_case("garbage_ids", s, DType::kF32, fill_values({2147483647.0, -2147483648.0, 6, 5, -7, 0})));
  Case strided_case = permute_case("strided", s, DType::kF32, fill_ids_with_holes(6));
  strided_case.operands[0].desc = strided(DType::kF32, {s.tokens, s.hidden}, 27);
  strided_case.operands[1].desc = strided(DType::kI32, {s.tokens, s.topk}, 9);
  list.push_back(std::move(strided_case));
  add_perf(list);
  return list;
}

}  // namespace tamis::cases
