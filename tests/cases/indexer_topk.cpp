// Cases of indexer_topk: visible keys at the cliffs of k, tiles and splits, exact ties and zero plateaus,
// absent pages
// (-inf), NaN scores, padding, several sequences, both cache formats. Data whose sums are exact in fp32 must
// give the oracle's indices; normal data is held to the scores: no unselected key beats a selected one by
// more than rounding.
#include "core/ops/indexer_topk/indexer_topk.h"

#include <algorithm>
#include <cmath>

#include "core/backend/backend_api.h"
#include "core/ops/indexer_scores/indexer_scores.h"
#include "core/ops/oracle/oracle.h"
#include "tests/cases/indexer_data.h"
#include "tests/cases/rows.h"

namespace tamis::cases {
namespace {

using namespace indexer_topk_operand;

Case with_data(std::string name, const IndexerShape& s, std::int32_t k, bool exact) {
  const IndexerTopkParams params{s.format, s.page_size, k, 0.125f, s.max_keys};
  return make_case(
      std::move(name), params,
      {queries(s, exact), head_weights(s, exact), s.q_dtype == DType::kE4M3 ? query_scales(s) : absent(),
       index_cache(s, exact), sequences(s), page_table(s), visible_keys(s), output(), output(), output()});
}

// The scores of the call by the oracle of indexer_scores, [T, max_keys].
std::vector<double> oracle_scores(const OpCall& call) {
  namespace scores = indexer_scores_operand;
  const auto& p = call.as<IndexerTopkParams>();
  const IndexerScoresParams params{p.format, true, p.page_size, p.scale, p.max_keys};
  Tensor out;
  out.desc = {DType::kF32, {call[kQ].desc.dim(0), p.max_keys}};
  const std::vector<Tensor> operands{
      call[kQ],          call[kWeights],   call[kQScale], call[kKeys], Tensor{},
      call[kSeqOfToken], call[kPageTable], Tensor{},      call[kKe],   out};
  OracleCall oracle_call({&op::indexer_scores, &params, operands});
  if (!oracle::indexer_scores(oracle_call).ok()) return {};
  return oracle_call.out(scores::kScores);
}

std::int64_t int_at(const std::byte* memory, std::int64_t i) {
  return static_cast<std::int64_t>(load_element(DType::kI32, memory + i * 4));
}
std::int64_t input(const OpCall& call, int operand, std::int64_t i) {
  return int_at(call[operand].buffer->host(), i);
}

// One token's outcome.
struct Selected {
  std::int64_t token, count;
  std::vector<std::int64_t> idx, slots;  // k each

  Selected(std::int64_t t, std::int64_t k, const std::vector<OperandResult>& results)
      : token(t), count(int_at(results[kCount].actual.data(), t)) {
    for (std::int64_t i = t * k; i < (t + 1) * k; ++i) {
      idx.push_back(int_at(results[kIdx].actual.data(), i));
      slots.push_back(int_at(results[kSlots].actual.data(), i));
    }
  }
};

// `count` visible positions, ascending, each with its slot; then -1.
std::string check_form(const OpCall& call, const Selected& row) {
  const auto& p = call.as<IndexerTopkParams>();
  const std::int64_t keys = std::clamp<std::int64_t>(input(call, kKe, row.token), 0, p.max_keys);
  const std::int64_t sequence = input(call, kSeqOfToken, row.token);
  if (row.count != std::min<std::int64_t>(p.k, keys))
    return fmt::format("count[{}]: found {}", row.token, row.count);
  std::int64_t previous = -1;
  for (std::size_t i = 0; i < row.idx.size(); ++i) {
    std::int64_t slot = -1;
    const std::int64_t position = row.idx[i];
    if (static_cast<std::int64_t>(i) < row.count) {
      if (position <= previous || position >= keys) {
        return fmt::format("idx[{}, {}]: {} after {}, {} visible", row.token, i, position, previous, keys);
      }
      const std::int64_t pages = call[kPageTable].desc.dim(1);
      slot = input(call, kPageTable, sequence * pages + position / p.page_size) * p.page_size +
             position % p.page_size;
      previous = position;
    } else if (position != -1) {
      return fmt::format("idx[{}, {}]: expected -1, found {}", row.token, i, position);
    }
    if (row.slots[i] != slot)
      return fmt::format("slots[{}, {}]: expected {}, found {}", row.token, i, slot, row.slots[i]);
  }
  return {};
}

// No key that was left beats a chosen one by more than rounding.
std::string check_scores(std::span<const double> scores, const Selected& row, double allowed) {
  std::vector<bool> chosen(scores.size(), false);
  for (std::int64_t i = 0; i < row.count; ++i) {
    chosen[static_cast<std::size_t>(row.idx[static_cast<std::size_t>(i)])] = true;
  }
  double worst_chosen = INFINITY, best_left = -INFINITY, largest = 0;
  for (std::size_t s = 0; s < scores.size(); ++s) {
    if (std::isfinite(scores[s])) largest = std::max(largest, std::fabs(scores[s]));
    if (chosen[s]) {
      worst_chosen = std::min(worst_chosen, scores[s]);
    } else {
      best_left = std::max(best_left, scores[s]);
    }
  }
  if (best_left <= worst_chosen + allowed * largest) return {};
  return fmt::format("token {}: a score of {} was left, one of {} chosen", row.token, best_left,
                     worst_chosen);
}

std::string compare_by_score(const OpCall& call, const std::vector<OperandResult>& results, double allowed) {
  const auto& p = call.as<IndexerTopkParams>();
  const std::vector<double> scores = oracle_scores(call);
  for (std::int64_t t = 0; t < call[kQ].desc.dim(0); ++t) {
    const Selected row(t, p.k, results);
    if (std::string wrong = check_form(call, row); !wrong.empty()) return wrong;
    const std::span<const double> all(scores);
    const auto width = static_cast<std::size_t>(p.max_keys);
    std::string wrong = check_scores(all.subspan(static_cast<std::size_t>(t) * width, width), row, allowed);
    if (!wrong.empty()) return wrong;
  }
  return {};
}

Case exact(std::string name, const IndexerShape& s, std::int32_t k) {
  return with_data(std::move(name), s, k, true);
}

Case normal(std::string name, const IndexerShape& s, std::int32_t k) {
  Case c = with_data(std::move(name), s, k, false);
  c.score_band = fits_fp8_units(s) ? 2 * kFp8UnitError : kScoreBand;
  c.compare = [band = c.score_band](const OpCall& call, const std::vector<OperandResult>& results) {
    return compare_by_score(call, results, band);
  };
  c.scores = oracle_scores;
  c.selected = kIdx;
  return c;
}

IndexerShape with_format(IndexerShape s, bool fp8) {
  if (fp8) s.format = IndexFormat::kFp8Paged, s.q_dtype = DType::kE4M3;
  if (s.max_keys == 0) s.max_keys = s.keys + 3;
  return s;
}

// The last of 8 tokens sees `keys`, the first 7 fewer: k - 1, k and k + 1 come together.
void add_cliffs(CaseList& list, bool fp8) {
  const char* format = fp8 ? "fp8" : "exact";
  for (std::int64_t k : {1, 5, 64, 130}) {
    for (std::int64_t keys : {k + 4, 2 * k + 2, 4 * k + 7}) {
      const IndexerShape s = with_format({.tokens = 8, .heads = 4, .dim = 16, .keys = keys}, fp8);
      list.push_back(exact(fmt::format("{}_k{}_keys{}", format, k, keys), s, static_cast<std::int32_t>(k)));
    }
  }
}

// The same for rows on FP8 matrix units, and equal scores throughout.
void add_unit_cliffs(CaseList& list) {
  for (std::int64_t k : {1, 64, 130}) {
    const IndexerShape s =
        with_format({.tokens = 8, .heads = 32, .dim = 128, .keys = k + 4, .page_size = 64}, true);
    list.push_back(exact(fmt::format("fp8_units_k{}_keys{}", k, k + 4), s, static_cast<std::int32_t>(k)));
  }
  for (const double weight : {0, -1}) {
    const IndexerShape s =
        with_format({.tokens = 5, .heads = 64, .dim = 128, .keys = 500, .page_size = 64}, true);
    list.push_back(exact(weight == 0 ? "fp8_units_all_scores_equal" : "fp8_units_scores_up_to_zero", s, 300));
    list.back().operands[kWeights].fill = fill_constant(weight);
  }
}

void add_shapes(CaseList& list, bool fp8) {
  const char* format = fp8 ? "fp8" : "exact";
  const IndexerShape one{
      .tokens = 1, .heads = 8, .dim = 32, .keys = 1000};  // keys are split over the threads
  const IndexerShape few{.tokens = 3, .heads = 3, .dim = 9, .keys = 700, .sequences = 3, .page_size = 7};
  const IndexerShape many{.tokens = 150, .heads = 4, .dim = 16, .keys = 280, .sequences = 3};
  const IndexerShape model{.tokens = 2, .heads = 64, .dim = 128, .keys = 400, .page_size = 64};
  list.push_back(exact(fmt::format("{}_one_token", format), with_format(one, fp8), 100));
  list.push_back(normal(fmt::format("{}_one_token_normal", format), with_format(one, fp8), 100));
  list.push_back(exact(fmt::format("{}_three_decodes", format), with_format(few, fp8), 33));
  list.push_back(exact(fmt::format("{}_many_tokens", format), with_format(many, fp8), 48));
  list.push_back(normal(fmt::format("{}_many_tokens_normal", format), with_format(many, fp8), 48));
  list.push_back(exact(fmt::format("{}_model_sizes", format), with_format(model, fp8), 128));
  list.push_back(normal(fmt::format("{}_model_sizes_normal", format), with_format(model, fp8), 128));
  const IndexerShape wide{
      .tokens = 21, .heads = 32, .dim = 128, .keys = 9000, .sequences = 2, .page_size = 64};
  list.push_back(exact(fmt::format("{}_thousands_of_keys", format), with_format(wide, fp8), 2048));
}

void add_traps(CaseList& list) {
  // One head: half of the dots are <= 0 and score exactly 0, so rank k falls on the plateau.
  list.push_back(
      exact("zero_plateau", with_format({.tokens = 6, .heads = 1, .dim = 16, .keys = 600}, false), 400));
  Case minus = exact("zero_plateau_is_best",
                     with_format({.tokens = 6, .heads = 2, .dim = 16, .keys = 600}, false), 60);
  minus.operands[kWeights].fill = fill_constant(-1);  // scores are -0 or negative
  list.push_back(minus);
  Case equal =
      exact("all_scores_equal", with_format({.tokens = 5, .heads = 4, .dim = 8, .keys = 500}, false), 300);
  equal.operands[kWeights].fill = fill_constant(0);
  list.push_back(equal);
  Case nan = exact("nan_weights_make_all_scores_nan",
                   with_format({.tokens = 5, .heads = 4, .dim = 8, .keys = 300}, false), 50);
  nan.operands[kWeights].fill = fill_values({1, 1, NAN, 1, 1, 0.5, 1, 1});
  list.push_back(nan);
  // Rows that stream the keys keep the best of two chunks, full of ties.
  const IndexerShape long_rows = with_format({.tokens = 2, .heads = 2, .dim = 4, .keys = 33500}, false);
  list.push_back(exact("long_rows", long_rows, 700));
  // Rows that score a block of tokens at once take up to 512 of them.
  list.push_back(
      exact("blocks_of_tokens", with_format({.tokens = 530, .heads = 2, .dim = 16, .keys = 200}, false), 40));
}

// Pages, sequences and lengths of any value, NaN keys, padding; FP8 pages.
void add_paged_traps(CaseList& list, const std::string& prefix, IndexerShape s) {
  const auto last = static_cast<double>(s.pages() - 1);
  Case absent_pages = exact(prefix + "absent_pages_score_negative_infinity", s, 250);
  absent_pages.operands[kPageTable].fill =
      fill_values({3, -1, 0, 2147483647, 5, 4, -2147483648.0, 2, 1, last - 1, last, 6});
  absent_pages.operands[kSeqOfToken].fill = fill_values({0, 0, 1, 1, 2, -1, 1, 2147483647});
  absent_pages.operands[kKeys].fill = [s](HostView& view, Rng& rng) {  // any page may be seen: no garbage
    index_cache(s, true).fill(view, rng);
    for (std::int64_t page = 0; page < s.pages(); ++page) {
      for (std::int64_t i = 0; i < s.page_size * s.dim; ++i) {
        *view.address(page * s.page_size * (s.dim + 4) + i) =
            static_cast<std::byte>(i * 7 % 5 == 0 ? 0x38 : 0xb0);
      }
    }
  };
  list.push_back(absent_pages);
  Case nan_scale = exact(prefix + "nan_key_scales_rank_last", s, 270);
  nan_scale.operands[kKeys].fill = [s](HostView& view, Rng& rng) {
    index_cache(s, true).fill(view, rng);
    for (std::int64_t page = 0; page < s.pages(); page += 2) {
      HostView scales({DType::kF32, {s.page_size}},
                      view.address(page * s.page_size * (s.dim + 4) + s.page_size * s.dim));
      for (std::int64_t i = 0; i < s.page_size; i += 3) scales.set(i, NAN);
    }
  };
  list.push_back(nan_scale);
  Case padding = exact(prefix + "only_padding", s, 16);
  padding.operands[kKe].fill = fill_values({0, -1, -2147483648.0});
  list.push_back(padding);
  Case beyond = exact(prefix + "ke_beyond_page_table_and_max_keys", s, 290);
  beyond.operands[kKe].fill = fill_values({2147483647, 302, 303, 304, 500});
  list.push_back(beyond);
  s.max_keys = 120;
  list.push_back(exact(prefix + "max_keys_cuts", s, 60));
  list.push_back(exact(prefix + "fewer_than_k_everywhere", s, 2048));
}

// DeepSeek-V3.2: every query chooses 2048 of 64K keys; decode steps have a sequence a token.
CaseAtTokens v32(bool decode) {
  return [=](std::int64_t tokens) {
    const IndexerShape s = perf_indexer_shape(tokens, 65536, decode ? tokens : 1);
    const bool batch = decode && tokens > 1;
    Case c = with_data(fmt::format("v32_64k_{}{}", batch ? "b" : "t", tokens), s, 2048, false);
    c.operands[kKeys] = perf_index_cache(s);
    c.operands[kKe].fill = fill_constant(static_cast<double>(s.keys));
    return c;
  };
}

void add_perf(CaseList& list) {
  add_timed(list, v32(false), {1, 64});
  add_timed_large(list, v32(true), {64});
  add_timed_large(list, v32(false), {4096});
}

}  // namespace

CaseList cases_indexer_topk() {
  CaseList list;
  for (bool fp8 : {false, true}) {
    add_cliffs(list, fp8);
    add_shapes(list, fp8);
  }
  add_traps(list);
  const IndexerShape pages{.tokens = 20, .heads = 4, .dim = 16, .keys = 300, .sequences = 2};
  add_paged_traps(list, "", with_format(pages, true));
  // The published models' indexer, which rows on FP8 matrix units take.
  for (std::int64_t heads : {32, 64}) {
    const IndexerShape model{
        .tokens = 20, .heads = heads, .dim = 128, .keys = 300, .sequences = 2, .page_size = 64};
    add_paged_traps(list, fmt::format("fp8_units_h{}_", heads), with_format(model, true));
  }
  add_unit_cliffs(list);
  add_perf(list);
  return list;
}

}  // namespace tamis::cases
