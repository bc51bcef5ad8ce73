// Cases of dense_mla: formats, dtypes, page sizes and heads; decode (one token a sequence), prefill and mixed
// batches; ke around the key block; padding, absent pages, sequences that do not exist. Rows that no token
// sees hold NaN.
#include "core/ops/dense_mla/dense_mla.h"

#include "tests/cases/kv_fills.h"
#include "tests/cases/rows.h"

namespace tamis::cases {
namespace {

// One row per token: its sequence and its ke.
struct Token {
  double seq, ke;
};

struct Shape {
  std::int64_t heads, c, r, page_size, max_pages;
  std::int64_t sequences = 4;
};

struct Options {
  KvFormat format = KvFormat::kPlain;
  DType cache = DType::kF32;
  DType q = DType::kF32;
  DType out = DType::kF32;
  bool absent_pages = false;
};

std::vector<Token> causal(double seq, std::int64_t first, std::int64_t count) {
  std::vector<Token> tokens;
  for (std::int64_t i = 0; i < count; ++i) tokens.push_back({seq, static_cast<double>(first + i)});
  return tokens;
}

std::vector<Token> join(std::initializer_list<std::vector<Token>> parts) {
  std::vector<Token> all;
  for (const auto& part : parts) all.insert(all.end(), part.begin(), part.end());
  return all;
}

// Page p of sequence s: a permutation of all pages (the step is odd and coprime to their count).
std::int64_t page_of(const Shape& s, std::int64_t seq, std::int64_t page) {
  const std::int64_t pages = s.sequences * s.max_pages;
  return ((seq * s.max_pages + page) * (pages - 1) + 1) % pages;
}

bool absent_page(std::int64_t page) { return page % 3 == 1; }

Fill fill_table(const Shape& s, bool absent) {
  return [s, absent](HostView& view, Rng&) {
    for (std::int64_t i = 0; i < view.size(); ++i) {
      const std::int64_t seq = i / s.max_pages, page = i % s.max_pages;
      const double hole = page % 2 == 0 ? 1e6 : -1.0;
      view.set(i, absent && absent_page(page) ? hole : static_cast<double>(page_of(s, seq, page)));
    }
  };
}

// The slots that some token of the list sees.
std::vector<bool> seen_slots(const Shape& s, const std::vector<Token>& tokens, bool absent) {
  std::vector<bool> seen(static_cast<std::size_t>(s.sequences * s.max_pages * s.page_size), false);
  for (const Token& token : tokens) {
    if (token.seq < 0 || token.seq >= s.sequences) continue;
    for (std::int64_t j = 0; j < token.ke && j < s.max_pages * s.page_size; ++j) {
      const std::int64_t page = j / s.page_size;
      if (absent && absent_page(page)) continue;
      const std::int64_t slot =
          page_of(s, static_cast<std::int64_t>(token.seq), page) * s.page_size + j % s.page_size;
      seen[static_cast<std::size_t>(slot)] = true;
    }
  }
  return seen;
}

Case dense_case(std::string name, const Shape& s, const std::vector<Token>& tokens, const Options& o = {}) {
  const KvLayout layout{o.format, s.c, s.r};
  const DenseMlaParams params{.format = o.format,
                              .c = static_cast<std::int32_t>(s.c),
                              .r = static_cast<std::int32_t>(s.r),
                              .page_size = static_cast<std::int32_t>(s.page_size),
                              .scale = static_cast<float>(1.0 / std::sqrt(static_cast<double>(s.c + s.r))),
                              .out = o.out};
  std::vector<double> seqs, kes;
  for (const Token& token : tokens) {
    seqs.push_back(token.seq);
    kes.push_back(token.ke);
  }
  const auto count = static_cast<std::int64_t>(tokens.size());
  TensorDesc q_rope(o.q, {count, s.heads, s.r});
  q_rope.strides = {s.heads * (s.r + 24), s.r + 24, 1};
  const std::vector<bool> seen = seen_slots(s, tokens, o.absent_pages);
  const auto unseen = [seen](std::int64_t slot) { return !seen[static_cast<std::size_t>(slot)]; };
  name = fmt::format("{}_{}_{}_{}", name, dtype_name(cache_desc(layout, o.cache, 1).dtype), dtype_name(o.q),
                     dtype_name(o.out));
  return make_case(std::move(name), params,
                   {{.desc = strided(o.q, {count, s.heads, s.c}, s.heads * s.c + 8), .fill = fill_normal()},
                    {.desc = q_rope, .fill = fill_normal()},
                    {.desc = cache_desc(layout, o.cache, s.sequences * s.max_pages * s.page_size),
                     .fill = fill_cache(layout, unseen)},
                    {.desc = strided(DType::kI32, {s.sequences, s.max_pages}, s.max_pages + 1),
                     .fill = fill_table(s, o.absent_pages)},
                    {.desc = {DType::kI32, {count}}, .fill = fill_values(seqs)},
                    {.desc = {DType::kI32, {count}}, .fill = fill_values(kes)},
                    output(),
                    output()});
}

Case perf_case(std::string name, const Shape& s, const std::vector<Token>& tokens) {
  const Options options{.format = KvFormat::kPackedFp8, .q = DType::kBF16, .out = DType::kBF16};
  Case c = dense_case(std::move(name), s, tokens, options);
  c.operands[2].fill = fill_cache({options.format, s.c, s.r}, [](std::int64_t) { return false; });
  return c;
}

// A small model's prefill; decode steps of DeepSeek-V3, a sequence a token.
void add_perf(CaseList& list) {
  list.push_back(timed(perf_case("perf_t512_h8", {8, 512, 64, 64, 8}, causal(0, 1, 512))));
  const auto decode = [](std::int64_t keys) {
    return [keys](std::int64_t tokens) {
      std::vector<Token> all;
      for (std::int64_t t = 0; t < tokens; ++t)
        all.push_back({static_cast<double>(t), static_cast<double>(keys)});
      return perf_case(fmt::format("v3_{}k_b{}_h128", keys / 1024, tokens),
                       {128, 512, 64, 64, keys / 64, tokens}, all);
    };
  };
  add_timed(list, decode(4096), {1, 4});
  add_timed_large(list, decode(4096), {32, 128});
  add_timed_large(list, decode(65536), {1, 32});
  // The end of a prompt of 2048 tokens.
  for (std::int64_t heads : {16, 128}) {
    const auto prefill = [heads](std::int64_t tokens) {
      return perf_case(fmt::format("v3_2k_t{}_h{}", tokens, heads), {heads, 512, 64, 64, 32, 1},
                       causal(0, 2049 - tokens, tokens));
    };
    add_timed_large(list, prefill, {64});
  }
}

}  // namespace

CaseList cases_dense_mla() {
  CaseList list;
  const KvFormat packed = KvFormat::kPackedFp8, plain = KvFormat::kPlain;
  const Shape small{3, 40, 8, 16, 10}, odd{5, 33, 7, 5, 16};
  const std::vector<Token> decode = {{0, 70}, {1, 1}, {2, 64}, {3, 129}};
  const std::vector<Token> mixed = join({causal(0, 60, 9),
                                         {{1, 77}},
                                         {{2, 0}, {-1, 3}, {4, 5}, {2, -6}},
                                         causal(2, 1, 20),
                                         {{3, 64}, {1, 78}, {0, 0}}});
  for (DType q : {DType::kF32, DType::kBF16, DType::kF16}) {
    list.push_back(
        dense_case("mixed", small, mixed, {.format = plain, .cache = DType::kF32, .q = q, .out = q}));
    list.push_back(
        dense_case("mixed", small, mixed, {.format = plain, .cache = DType::kBF16, .q = q, .out = q}));
    list.push_back(dense_case("mixed", small, mixed, {.format = packed, .q = q, .out = q}));
    list.push_back(dense_case("decode", odd, decode, {.format = packed, .q = q}));
  }
  list.push_back(dense_case("absent_pages", small, mixed, {.absent_pages = true}));
  list.push_back(dense_case("absent_pages", odd, mixed, {.format = packed, .absent_pages = true}));
  list.push_back(dense_case("past_the_table", odd, {{0, 200}, {1, 79}, {1, 80}, {1, 81}}));
  list.push_back(dense_case("one_token_one_key", small, {{2, 1}}));
  list.push_back(dense_case("all_padding", small, {{0, 0}, {0, 0}, {-1, 0}}));
  for (std::int64_t ke : {63, 64, 65, 128, 129}) {
    list.push_back(dense_case(fmt::format("ke{}", ke), small, causal(1, ke, 1)));
  }
  // More tokens than a tile holds, more heads than a tile holds, one head.
  list.push_back(dense_case("prefill", small, causal(3, 1, 150)));
  list.push_back(dense_case("h130", {130, 24, 8, 16, 6}, join({causal(0, 60, 3), {{1, 5}}})));
  list.push_back(dense_case("h1", {1, 24, 8, 16, 10}, join({causal(0, 30, 70), decode})));
  list.push_back(dense_case("not_sorted", small, {{0, 40}, {1, 33}, {0, 41}, {1, 34}, {0, 90}, {0, 3}}));
  const Shape model{8, 512, 64, 64, 3};
  list.push_back(dense_case("model", model, {{0, 130}, {2, 65}},
                            {.format = packed, .q = DType::kBF16, .out = DType::kBF16}));
  list.push_back(dense_case("model", model, causal(1, 126, 3),
                            {.cache = DType::kBF16, .q = DType::kBF16, .out = DType::kBF16}));
  // Several parts of keys, some of them empty, and more heads than a narrow tile holds.
  const Shape wide{20, 512, 64, 48, 23};
  const std::vector<Token> parts = {{0, 1104}, {1, 513}, {3, 0}, {2, 512},
                                    {-1, 7},   {2, 1},   {4, 9}, {1, 2000}};
  for (bool absent : {false, true}) {
    Options o{.format = packed, .q = DType::kBF16, .out = DType::kBF16, .absent_pages = absent};
    const char* name = absent ? "parts_absent_pages" : "parts";
    list.push_back(dense_case(name, wide, parts, o));
    o.format = plain;
    o.cache = DType::kBF16;
    list.push_back(dense_case(name, wide, parts, o));
  }
  // Tokens that may share keys beyond one block, and end inside and outside of it.
  const std::vector<Token> shared =
      join({causal(0, 249, 13), {{1, 530}}, causal(2, 510, 4), {{2, 0}, {2, 40}}, causal(3, 1, 8)});
  for (std::int64_t heads : {5, 20}) {
    const Shape shape{heads, 128, 64, 48, 12};
    Options o{.format = packed, .q = DType::kBF16, .out = DType::kBF16};
    list.push_back(dense_case(fmt::format("shared_h{}", heads), shape, shared, o));
    o = {.cache = DType::kBF16, .q = DType::kBF16, .out = DType::kBF16, .absent_pages = true};
    list.push_back(dense_case(fmt::format("shared_absent_pages_h{}", heads), shape, shared, o));
  }
  add_perf(list);
  return list;
}

}  // namespace tamis::cases
