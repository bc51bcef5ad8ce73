// Cases of kv_gather: formats and dtypes, page sizes around the lengths, empty and negative lengths, absent
// pages, and totals below, at and past the sum of the lengths. Rows that must not be read hold NaN.
#include "core/ops/kv_gather/kv_gather.h"

#include "tests/cases/kv_fills.h"
#include "tests/cases/rows.h"

namespace tamis::cases {
namespace {

struct Shape {
  std::int64_t c, r, page_size, pages;
  std::vector<double> lengths;
  std::int64_t max_pages, total;
};

// Pages that sequences never get: their slots hold NaN.
bool poisoned_page(std::int64_t page) { return page % 4 == 2; }

// Distinct usable pages in a scrambled order, and absent entries (-1, past the cache) in one of seven places.
Fill fill_pages(std::int64_t pages) {
  return [pages](HostView& view, Rng& rng) {
    std::int64_t page = rng.below(pages);
    for (std::int64_t i = 0; i < view.size(); ++i) {
      do page = (page + 5) % pages;
      while (poisoned_page(page));
      view.set(i, static_cast<double>(page));
      if (i % 7 == 3) view.set(i, i % 2 == 0 ? -1.0 : static_cast<double>(pages));
    }
  };
}

Case gather_case(const std::string& name, const Shape& s, KvFormat format, DType cache, DType out) {
  const KvLayout layout{format, s.c, s.r};
  const KvGatherParams params{.format = format,
                              .c = static_cast<std::int32_t>(s.c),
                              .r = static_cast<std::int32_t>(s.r),
                              .page_size = static_cast<std::int32_t>(s.page_size),
                              .out = out,
                              .total = s.total};
  const auto n_seqs = static_cast<std::int64_t>(s.lengths.size());
  const std::int64_t page_size = s.page_size;
  return make_case(
      fmt::format("{}_{}_{}", name, dtype_name(cache_desc(layout, cache, 1).dtype), dtype_name(out)), params,
      {{.desc = cache_desc(layout, cache, s.pages * s.page_size),
        .fill =
            fill_cache(layout, [page_size](std::int64_t slot) { return poisoned_page(slot / page_size); })},
       {.desc = strided(DType::kI32, {n_seqs, s.max_pages}, s.max_pages + 3), .fill = fill_pages(s.pages)},
       {.desc = {DType::kI32, {n_seqs}}, .fill = fill_values(s.lengths)},
       output(),
       output()});
}

// The cached rows of one sequence of DeepSeek-V3, before a prefill step expands them.
void add_perf(CaseList& list) {
  for (KvFormat format : {KvFormat::kPackedFp8, KvFormat::kPlain}) {
    const auto rows = [format](std::int64_t keys) {
      const std::int64_t pages = (keys + 63) / 64;
      Case c = gather_case("v3", {512, 64, 64, pages, {static_cast<double>(keys)}, pages, keys}, format,
                           DType::kBF16, DType::kBF16);
      c.name = fmt::format("v3_{}_keys{}", format == KvFormat::kPlain ? "bf16" : "fp8", keys);
      c.operands[0].fill = fill_cache({format, 512, 64}, [](std::int64_t) { return false; });
      c.operands[1].fill = fill_iota(0);
      return c;
    };
    add_timed(list, rows, {4096, 65536});
  }
}

}  // namespace

CaseList cases_kv_gather() {
  CaseList list;
  const Shape mixed{40, 8, 4, 23, {9, 0, 4, -3, 13}, 4, 30};
  const Shape odd{127, 9, 3, 9, {7, 1}, 3, 8};
  const Shape wide{512, 64, 64, 6, {65, 63}, 3, 130};
  const KvFormat packed = KvFormat::kPackedFp8, plain = KvFormat::kPlain;
  for (DType out : {DType::kF32, DType::kBF16, DType::kF16}) {
    list.push_back(gather_case("mixed", mixed, plain, DType::kF32, out));
    list.push_back(gather_case("mixed", mixed, plain, DType::kBF16, out));
    list.push_back(gather_case("mixed", mixed, packed, DType::kU8, out));
    list.push_back(gather_case("odd", odd, packed, DType::kU8, out));
  }
  list.push_back(gather_case("wide", wide, plain, DType::kBF16, DType::kBF16));
  list.push_back(gather_case("wide", wide, packed, DType::kU8, DType::kBF16));
  list.push_back(gather_case("one_row", {8, 2, 1, 3, {1}, 1, 1}, plain, DType::kF32, DType::kF32));
  list.push_back(gather_case("no_keys", {8, 2, 2, 3, {0, 0}, 1, 5}, plain, DType::kF32, DType::kF32));
  list.push_back(gather_case("total_too_small", {8, 2, 2, 9, {5, 6}, 3, 8}, plain, DType::kF32, DType::kF32));
  list.push_back(gather_case("past_the_table", {8, 2, 2, 9, {7, 2}, 2, 12}, plain, DType::kF32, DType::kF32));
  add_perf(list);
  return list;
}

}  // namespace tamis::cases
