// Cases of index_k_store: both cache formats, every dtype pair, odd and published sizes, pages of odd size,
// padding and out-of-range slots, strided keys, -0, NaN and infinities, scales as [T] and [T, 1].
#include "core/ops/index_k_store/index_k_store.h"

#include "tests/cases/rows.h"

namespace tamis::cases {
namespace {

// Distinct slots in random order; every fifth token is padding or out of range.
Fill fill_slots(std::int64_t slots) {
  return [slots](HostView& view, Rng& rng) {
    std::vector<std::int64_t> order(static_cast<std::size_t>(slots));
    for (std::int64_t i = 0; i < slots; ++i) order[static_cast<std::size_t>(i)] = i;
    for (std::int64_t i = slots - 1; i > 0; --i) {
      std::swap(order[static_cast<std::size_t>(i)], order[static_cast<std::size_t>(rng.below(i + 1))]);
    }
    const double absent[] = {-1, static_cast<double>(slots), 2147483647, -2147483648.0};
    for (std::int64_t t = 0; t < view.size(); ++t) {
      view.set(t, t % 5 == 3 ? absent[t / 5 % 4] : static_cast<double>(order[static_cast<std::size_t>(t)]));
    }
  };
}

struct Shape {
  std::int64_t tokens, dim, pages, page_size;
};

Case exact(const Shape& s, DType k, DType cache) {
  const std::int64_t slots = s.pages * s.page_size;
  return make_case(fmt::format("exact_t{}_d{}_{}_{}", s.tokens, s.dim, dtype_name(k), dtype_name(cache)),
                   IndexKStoreParams{IndexFormat::kExact, static_cast<std::int32_t>(s.page_size)},
                   {{.desc = {k, {s.tokens, s.dim}}, .fill = fill_normal()},
                    absent(),
                    {.desc = {DType::kI32, {s.tokens}}, .fill = fill_slots(slots)},
                    {.desc = {cache, {slots, s.dim}}, .fill = fill_normal()}});
}

Case fp8(const Shape& s, bool scale_column) {
  const TensorDesc scale =
      scale_column ? TensorDesc(DType::kF32, {s.tokens, 1}) : TensorDesc(DType::kF32, {s.tokens});
  return make_case(
      fmt::format("fp8_t{}_d{}_page{}{}", s.tokens, s.dim, s.page_size, scale_column ? "_scale_column" : ""),
      IndexKStoreParams{IndexFormat::kFp8Paged, static_cast<std::int32_t>(s.page_size)},
      {{.desc = {DType::kE4M3, {s.tokens, s.dim}}, .fill = fill_normal(3.0)},
       {.desc = scale, .fill = fill_uniform(0.001, 2.0)},
       {.desc = {DType::kI32, {s.tokens}}, .fill = fill_slots(s.pages * s.page_size)},
       {.desc = {DType::kU8, {s.pages, s.page_size * (s.dim + 4)}}, .fill = fill_ints(0, 256)}});
}

// DeepSeek-V3.2's index keys, one of 64K slots for each token.
void add_perf(CaseList& list) {
  const auto v32 = [](std::int64_t tokens) {
    Case c = fp8({tokens, 128, 1024, 64}, false);
    c.name = fmt::format("v32_fp8_t{}", tokens);
    c.operands[2].fill = fill_iota(0);
    return c;
  };
  add_timed(list, v32, {1, 4096});
}

}  // namespace

CaseList cases_index_k_store() {
  CaseList list;
  for (DType k : {DType::kF32, DType::kBF16, DType::kF16}) {
    for (DType cache : {DType::kF32, DType::kBF16}) {
      list.push_back(exact({1, 32, 1, 4}, k, cache));
      list.push_back(exact({67, 130, 3, 64}, k, cache));
    }
  }
  for (bool scale_column : {false, true}) {
    for (const Shape& s :
         {Shape{1, 128, 1, 64}, Shape{17, 32, 2, 16}, Shape{9, 7, 5, 3}, Shape{150, 128, 3, 64}}) {
      list.push_back(fp8(s, scale_column));
    }
  }
  const std::vector<double> odd{0.0, -0.0, NAN, INFINITY, -INFINITY, 1e-40, 3.4e38, -1.0};
  Case values = exact({6, 16, 2, 8}, DType::kF32, DType::kBF16);
  values.name = "exact_odd_values";
  values.operands[0].fill = fill_values(odd);
  list.push_back(values);
  Case codes = fp8({6, 16, 2, 8}, false);
  codes.name = "fp8_every_code_and_odd_scales";
  codes.operands[0].fill = [](HostView& view,
                              Rng&) {  // NaN payloads must survive: codes are copied, not converted
    for (std::int64_t i = 0; i < view.size(); ++i) *view.address(i) = static_cast<std::byte>(i * 37);
  };
  codes.operands[1].fill = fill_values(odd);
  list.push_back(codes);
  Case rows = exact({20, 24, 4, 8}, DType::kF32, DType::kF32);
  rows.name = "exact_strided_keys_and_cache";
  rows.operands[0].desc = strided(DType::kF32, {20, 24}, 31);
  rows.operands[3].desc = strided(DType::kF32, {32, 24}, 40);
  list.push_back(rows);
  Case pages = fp8({20, 24, 4, 8}, true);
  pages.name = "fp8_strided_keys_scales_and_pages";
  pages.operands[0].desc = strided(DType::kE4M3, {20, 24}, 29);
  pages.operands[1].desc = strided(DType::kF32, {20, 1}, 3);
  pages.operands[3].desc = strided(DType::kU8, {4, 8 * 28}, 8 * 28 + 5);
  list.push_back(pages);
  Case padding = fp8({8, 32, 2, 8}, false);
  padding.name = "fp8_only_padding";
  padding.operands[2].fill = fill_constant(-1);
  list.push_back(padding);
  add_perf(list);
  return list;
}

}  // namespace tamis::cases
