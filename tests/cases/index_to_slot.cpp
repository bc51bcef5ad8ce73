// Cases of index_to_slot: paged and ragged, holes, sequences and pages that are not there, slots beyond
// int32, odd page sizes, strided operands.
#include "core/ops/index_to_slot/index_to_slot.h"

#include "tests/cases/rows.h"

namespace tamis::cases {
namespace {

// Every third index is a hole.
Fill fill_positions(std::int64_t limit) {
  return [limit](HostView& view, Rng& rng) {
    for (std::int64_t i = 0; i < view.size(); ++i) {
      view.set(i, rng.below(3) == 0 ? -1.0 : static_cast<double>(rng.below(limit)));
    }
  };
}

struct Shape {
  std::int64_t tokens, k, sequences, pages;
  std::int32_t page_size;
};

Case paged(const Shape& s) {
  return make_case(fmt::format("paged_t{}_k{}_page{}", s.tokens, s.k, s.page_size),
                   IndexToSlotParams{s.page_size},
                   {{.desc = {DType::kI32, {s.tokens, s.k}}, .fill = fill_positions(s.pages * s.page_size)},
                    {.desc = {DType::kI32, {s.tokens}}, .fill = fill_ints(0, s.sequences)},
                    {.desc = {DType::kI32, {s.sequences, s.pages}}, .fill = fill_ints(-1, 4096)},
                    absent(),
                    output()});
}

Case ragged(const Shape& s) {
  return make_case(fmt::format("ragged_t{}_k{}", s.tokens, s.k), IndexToSlotParams{s.page_size},
                   {{.desc = {DType::kI32, {s.tokens, s.k}}, .fill = fill_positions(1000)},
                    absent(),
                    absent(),
                    {.desc = {DType::kI32, {s.tokens}}, .fill = fill_ints(0, 5000)},
                    output()});
}

// DeepSeek-V3.2: 2048 positions a token, in one sequence of 64K.
void add_perf(CaseList& list) {
  const auto v32 = [](std::int64_t tokens) {
    Case c = paged({tokens, 2048, 1, 1024, 64});
    c.name = fmt::format("v32_64k_t{}", tokens);
    c.operands[0].fill = fill_ints(0, 65536);
    c.operands[2].fill = fill_iota(0);
    return c;
  };
  add_timed(list, v32, {1, 1024});
}

}  // namespace

CaseList cases_index_to_slot() {
  CaseList list;
  for (const Shape& s :
       {Shape{1, 1, 1, 1, 1}, Shape{17, 33, 3, 5, 64}, Shape{5, 2048, 2, 40, 53}, Shape{130, 7, 9, 3, 2}}) {
    list.push_back(paged(s));
    list.push_back(ragged(s));
  }
  Case one = paged({9, 12, 1, 6, 16});
  one.name = "paged_no_seq_of_token";
  one.operands[1] = absent();
  list.push_back(one);
  Case start = ragged({9, 12, 1, 6, 16});
  start.name = "ragged_no_row_start";
  start.operands[3] = absent();
  list.push_back(start);
  Case garbage = paged({40, 16, 2, 3, 16});
  garbage.name = "paged_garbage_sequences_pages_and_positions";
  garbage.operands[0].fill = fill_values({-1, 0, 47, 48, 2147483647, -2147483648.0, 17, -7});
  garbage.operands[1].fill = fill_values({0, 1, 2, -1, 2147483647, -2147483648.0, 1});
  garbage.operands[2].fill = fill_values({3, -1, 134217727, 134217728, 2147483647, -2147483648.0});
  list.push_back(garbage);
  Case far = ragged({6, 8, 1, 1, 64});
  far.name = "ragged_slots_beyond_int32";
  far.operands[0].fill = fill_values({-1, 0, 1, 2147483647});
  far.operands[3].fill = fill_values({2147483647, 2147483646, -5, 0, 1});
  list.push_back(far);
  Case rows = paged({10, 6, 3, 4, 8});
  rows.name = "paged_strided";
  rows.operands[0].desc = strided(DType::kI32, {10, 6}, 11);
  rows.operands[2].desc = strided(DType::kI32, {3, 4}, 9);
  list.push_back(rows);
  add_perf(list);
  return list;
}

}  // namespace tamis::cases
