// Cases of indexer_scores: every key format and dtype pair, sizes around the key tile, several sequences,
// padding, chunks, absent pages, garbage behind the visible keys, negative weights, ReLU before the head sum,
// NaN.
#include "core/ops/indexer_scores/indexer_scores.h"

#include <cmath>

#include "core/ops/oracle/oracle.h"
#include "tests/cases/indexer_data.h"
#include "tests/cases/rows.h"

namespace tamis::cases {
namespace {

using namespace indexer_scores_operand;

Case paged(std::string name, const IndexerShape& s, bool exact = false) {
  const IndexerScoresParams params{s.format, true, s.page_size, 0.125f, s.max_keys};
  return make_case(
      std::move(name), params,
      {queries(s, exact), head_weights(s, exact), s.q_dtype == DType::kE4M3 ? query_scales(s) : absent(),
       index_cache(s, exact), absent(), sequences(s), page_table(s), absent(), visible_keys(s), output()});
}

struct Ragged {
  std::int64_t tokens, heads, dim, rows;
  DType q, k;
};

// Three sequences of rows/3 keys; tokens walk through them, the last one of each seeing all of its sequence.
Case ragged(const Ragged& s) {
  const IndexerScoresParams params{IndexFormat::kExact, false, 1, 0.25f, s.rows};
  const std::int64_t length = s.rows / 3;
  std::vector<double> ks, ke;
  for (std::int64_t t = 0; t < s.tokens; ++t) {
    const std::int64_t sequence = t * 3 / s.tokens;
    ks.push_back(static_cast<double>(sequence * length));
    ke.push_back(static_cast<double>(sequence * length + length - (s.tokens - 1 - t) % 3 * (length / 4)));
  }
  const bool fp8 = s.k == DType::kE4M3;
  return make_case(
      fmt::format("ragged_t{}_h{}_d{}_s{}_{}_{}", s.tokens, s.heads, s.dim, s.rows, dtype_name(s.q),
                  dtype_name(s.k)),
      params,
      {{.desc = {s.q, {s.tokens, s.heads, s.dim}}, .fill = fill_normal()},
       {.desc = {DType::kF32, {s.tokens, s.heads}}, .fill = fill_normal()},
       absent(),
       {.desc = {s.k, {s.rows, s.dim}}, .fill = fill_normal()},
       fp8 ? CaseOperand{.desc = {DType::kF32, {s.rows}}, .fill = fill_uniform(0.01, 2)} : absent(),
       absent(),
       absent(),
       {.desc = {DType::kI32, {s.tokens}}, .fill = fill_values(ks)},
       {.desc = {DType::kI32, {s.tokens}}, .fill = fill_values(ke)},
       output()});
}

void add_paged(CaseList& list) {
  for (IndexFormat format : {IndexFormat::kExact, IndexFormat::kFp8Paged}) {
    const bool fp8 = format == IndexFormat::kFp8Paged;
    for (std::int64_t keys : {1, 127, 128, 129, 300}) {
      IndexerShape s{
          .tokens = 5, .heads = 8, .dim = 32, .keys = keys, .format = format, .max_keys = keys + 9};
      if (fp8) s.q_dtype = DType::kE4M3;
      list.push_back(paged(fmt::format("{}_keys{}", fp8 ? "fp8" : "exact", keys), s));
    }
    IndexerShape model{.tokens = 3, .heads = 64, .dim = 128, .keys = 150, .format = format, .max_keys = 160};
    IndexerShape odd{
        .tokens = 37, .heads = 3, .dim = 7, .keys = 140, .sequences = 4, .page_size = 5, .format = format};
    IndexerShape one{
        .tokens = 1, .heads = 1, .dim = 1, .keys = 3, .page_size = 1, .format = format, .max_keys = 3};
    odd.max_keys = 144;
    if (fp8) model.q_dtype = odd.q_dtype = DType::kE4M3;
    const char* name = fp8 ? "fp8" : "exact";
    list.push_back(paged(fmt::format("{}_model_sizes", name), model));
    list.push_back(paged(fmt::format("{}_odd_sizes_four_sequences", name), odd));
    list.push_back(paged(fmt::format("{}_one_of_each", name), one));
    IndexerShape many{.tokens = 70, .heads = 4, .dim = 16, .keys = 260, .sequences = 3, .format = format};
    many.max_keys = 200;  // the last visible keys have no column
    list.push_back(paged(fmt::format("{}_many_tokens_cut_by_max_keys", name), many));
  }
  for (DType q : {DType::kF32, DType::kBF16, DType::kF16, DType::kE4M3}) {
    for (DType cache : {DType::kF32, DType::kBF16}) {
      IndexerShape s{
          .tokens = 4, .heads = 5, .dim = 24, .keys = 40, .q_dtype = q, .cache_dtype = cache, .max_keys = 40};
      list.push_back(paged(fmt::format("exact_{}_{}", dtype_name(q), dtype_name(cache)), s));
    }
  }
}

void add_ragged(CaseList& list) {
  for (DType k : {DType::kF32, DType::kBF16, DType::kF16, DType::kE4M3}) {
    list.push_back(ragged({9, 4, 32, 400, DType::kF32, k}));
    list.push_back(ragged({6, 3, 9, 61, k, k}));
  }
  // Sizes in sixteens, of types that f16 holds: rows on cooperative matrices.
  list.push_back(ragged({21, 40, 48, 300, DType::kF16, DType::kF16}));
  list.push_back(ragged({70, 64, 128, 290, DType::kF16, DType::kE4M3}));
  list.push_back(ragged({50, 8, 16, 900, DType::kF32, DType::kF32}));
  Case codes = ragged({6, 16, 32, 768, DType::kF16, DType::kE4M3});
  codes.name = "ragged_every_e4m3_code";
  codes.operands[kKeys].fill = fill_e4m3_codes();
  list.push_back(codes);
  Case bare = ragged({6, 4, 8, 60, DType::kF32, DType::kE4M3});
  bare.name = "ragged_no_ks_no_scales";
  bare.operands[kKeyScale] = bare.operands[kKs] = absent();
  list.push_back(bare);
  Case cut = ragged({8, 4, 8, 60, DType::kF32, DType::kF32});
  cut.name = "ragged_bounds_are_cut";
  cut.operands[kKs].fill = fill_values({-5, 0, 59, 60, 70, 2147483647, -2147483648.0, 10});
  cut.operands[kKe].fill = fill_values({60, 61, 2147483647, 60, 80, -1, 25, -2147483648.0});
  list.push_back(cut);
  Case rows = ragged({7, 4, 16, 90, DType::kBF16, DType::kF32});
  rows.name = "ragged_strided";
  TensorDesc& q = rows.operands[kQ].desc;
  q.strides = {4 * 16 + 50, 21, 1, 0};
  rows.operands[kWeights].desc = strided(DType::kF32, {7, 4}, 11);
  rows.operands[kKeys].desc = strided(DType::kF32, {90, 16}, 19);
  list.push_back(rows);
}

// Within what a row on FP8 matrix units may be off; -inf and NaN as expected.
std::string compare_fp8_units(const OpCall&, const std::vector<OperandResult>& results) {
  const OperandResult& scores = results[kScores];
  double squares = 0, finite = 0, gaps = 0;
  for (double want : scores.expected) {
    if (std::isfinite(want)) squares += want * want, ++finite;
  }
  const double rms = finite > 0 ? std::sqrt(squares / finite) : 0;
  for (std::size_t i = 0; i < scores.expected.size(); ++i) {
    const double want = scores.expected[i], got = load_element(DType::kF32, scores.actual.data() + i * 4);
    if (std::isnan(want) && std::isnan(got)) continue;
    const bool near = std::fabs(got - want) <= kFp8UnitError * (std::fabs(want) + rms);
    if (std::isfinite(want) ? !near : got != want) {
      return fmt::format("scores[{}]: expected {}, found {} (rms {}, allowed {} of it)", i, want, got, rms,
                         kFp8UnitError);
    }
    if (std::isfinite(want)) gaps += (got - want) * (got - want);
  }
  // DeepGEMM's own measure for such kernels (tests/test_attention.py): 1 - 2 <x, y> / (<x, x> + <y, y>).
  if (gaps <= 5e-6 * 2 * squares) return {};
  return fmt::format("scores: distance {:.3g}, allowed 5e-6", gaps / (2 * squares));
}

// Both sides e4m3 and the published sizes: one token or many, of one sequence or several, at the borders of a
// tile. Exact data must come out to fp32 rounding.
void add_model_sizes(CaseList& list) {
  struct Size {
    std::int64_t tokens, heads, keys, sequences;
  };
  for (const Size& size :
       {Size{1, 64, 1000, 1}, Size{4, 32, 129, 4}, Size{21, 64, 449, 2}, Size{70, 32, 300, 3}}) {
    IndexerShape s{.tokens = size.tokens,
                   .heads = size.heads,
                   .dim = 128,
                   .keys = size.keys,
                   .sequences = size.sequences,
                   .page_size = 64,
                   .format = IndexFormat::kFp8Paged,
                   .q_dtype = DType::kE4M3,
                   .max_keys = size.keys + 30};
    const std::string name = fmt::format("fp8_units_t{}_h{}_keys{}", size.tokens, size.heads, size.keys);
    list.push_back(paged(name + "_exact", s, true));
    list.push_back(paged(name, s));
    list.back().compare = compare_fp8_units;
    list.push_back(ragged({size.tokens, size.heads, 128, size.keys, DType::kE4M3, DType::kE4M3}));
    list.back().compare = compare_fp8_units;
  }
  Case bare = ragged({9, 64, 128, 333, DType::kE4M3, DType::kE4M3});
  bare.name = "ragged_fp8_units_no_ks_no_scales";
  bare.operands[kKeyScale] = bare.operands[kKs] = absent();
  bare.compare = compare_fp8_units;
  list.push_back(bare);
  IndexerShape s{.tokens = 40,
                 .heads = 64,
                 .dim = 128,
                 .keys = 330,
                 .sequences = 2,
                 .page_size = 64,
                 .format = IndexFormat::kFp8Paged,
                 .q_dtype = DType::kE4M3,
                 .max_keys = 350};
  Case garbage = paged("fp8_units_garbage_sequences_and_pages", s, true);
  garbage.operands[kSeqOfToken].fill = fill_values({0, 1, 2, -1, 2147483647, 1, 0});
  garbage.operands[kPageTable].fill = fill_values({3, -1, 0, 2147483647, 5, 1000, -2147483648.0, 2, 1});
  garbage.operands[kKe].fill = fill_values({2147483647, 64, 349, 0, -1, 65, 350});
  garbage.operands[kKeys].fill = [s](HostView& view, Rng& rng) {  // any page may be seen: codes of 1 and -1
    index_cache(s, true).fill(view, rng);
    for (std::int64_t i = 0; i < s.pages() * 8448; ++i) {
      if (i % 8448 < 8192) *view.address(i) = static_cast<std::byte>(i * 7 % 5 == 0 ? 0x38 : 0xb0);
    }
  };
  list.push_back(garbage);
}

void add_traps(CaseList& list) {
  IndexerShape s{.tokens = 40, .heads = 4, .dim = 16, .keys = 200, .sequences = 2, .max_keys = 210};
  Case garbage = paged("garbage_sequences_and_pages", s);
  garbage.operands[kSeqOfToken].fill = fill_values({0, 1, 2, -1, 2147483647, 1, 0});
  garbage.operands[kPageTable].fill = fill_values({3, -1, 0, 2147483647, 5, 1000, -2147483648.0, 2, 1});
  list.push_back(garbage);
  Case padding = paged("only_padding", s);
  padding.operands[kKe].fill = fill_values({0, -1, -2147483648.0});
  list.push_back(padding);
  Case beyond = paged("ke_beyond_the_page_table", s);
  beyond.operands[kKe].fill = fill_values({2147483647, 209, 500});
  list.push_back(beyond);
  // A key that one head likes and another dislikes as much: 1, not 0, if ReLU comes before the head sum.
  IndexerShape two{.tokens = 2, .heads = 2, .dim = 8, .keys = 20, .max_keys = 20};
  Case relu = paged("relu_before_head_sum", two);
  relu.operands[kQ].fill = fill_values({1, 1, 1, 1, 1, 1, 1, 1, -1, -1, -1, -1, -1, -1, -1, -1});
  relu.operands[kWeights].fill = fill_constant(1);
  list.push_back(relu);
  Case negative = paged("all_weights_negative", s);
  negative.operands[kWeights].fill = fill_uniform(-2, -0.5);
  list.push_back(negative);
  Case nan = paged("nan_query_counts_as_zero_nan_weight_does_not", two);
  nan.operands[kQ].fill = fill_values({NAN, 1, 1, 1, 1, 1, 1, 1, 0.5, 1, 1, 1, 1, 1, 1, -1});
  nan.operands[kWeights].fill = fill_values({1, 2, NAN, 1});
  list.push_back(nan);
}

// DeepSeek-V3.2: every query sees all keys of an FP8 cache; decode steps have a sequence a token.
CaseAtTokens v32_paged(std::int64_t keys, bool decode) {
  return [=](std::int64_t tokens) {
    const IndexerShape s = perf_indexer_shape(tokens, keys, decode ? tokens : 1);
    const bool batch = decode && tokens > 1;
    Case c = paged(fmt::format("v32_{}k_{}{}", keys / 1024, batch ? "b" : "t", tokens), s);
    c.operands[kKeys] = perf_index_cache(s);
    c.operands[kKe].fill = fill_constant(static_cast<double>(keys));
    return c;
  };
}

// The same of one sequence whose keys lie side by side.
CaseAtTokens v32_ragged(std::int64_t keys) {
  return [=](std::int64_t tokens) {
    Case c = ragged({tokens, 64, 128, keys, DType::kE4M3, DType::kE4M3});
    c.name = fmt::format("v32_ragged_{}k_t{}", keys / 1024, tokens);
    c.operands[kKs].fill = fill_constant(0);
    c.operands[kKe].fill = fill_constant(static_cast<double>(keys));
    return c;
  };
}

void add_perf(CaseList& list) {
  add_timed(list, v32_paged(65536, false), {1, 64});
  add_timed(list, v32_ragged(8192), {64});
  add_timed_large(list, v32_paged(32768, true), {32});
  add_timed_large(list, v32_paged(65536, true), {64, 128});
  add_timed_large(list, v32_ragged(8192), {2048});
  add_timed_large(list, v32_ragged(65536), {4096});
  add_timed_large(list, v32_ragged(131072), {4096});
}

}  // namespace

CaseList cases_indexer_scores() {
  CaseList list;
  add_paged(list);
  add_ragged(list);
  add_model_sizes(list);
  add_traps(list);
  add_perf(list);
  return list;
}

}  // namespace tamis::cases
