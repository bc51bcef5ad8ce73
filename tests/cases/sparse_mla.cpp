// Cases of sparse_mla: formats, dtypes, heads and sizes around the tiles, k around the key block; holes,
// duplicates, out-of-range slots, empty tokens, lengths, sinks; large scores; strided inputs. Rows that no
// valid entry names hold NaN, and entries at or past a token's length name such rows.
#include "core/ops/sparse_mla/sparse_mla.h"

#include <algorithm>

#include "tests/cases/kv_fills.h"
#include "tests/cases/rows.h"
#include "tests/harness/compare.h"

namespace tamis::cases {
namespace {

using namespace sparse_mla_operand;

struct Shape {
  std::int64_t tokens, heads, c, r, k, slots;
};

struct Options {
  KvFormat format = KvFormat::kPlain;
  DType cache = DType::kF32;
  DType q = DType::kF32;
  DType out = DType::kF32;
  bool length = false;
  bool sink = false;
  bool max_logits = true;
  double q_scale = 1.0;
  std::int64_t q_pad = 8;  // elements between the latent queries of two tokens
};

// Below, at and past k, 0 and negative.
std::int64_t length_of(std::int64_t t, std::int64_t k) {
  const std::int64_t lengths[] = {k, 1, k - 1, 0, k + 9, k / 2, -2};
  return lengths[t % 7];
}

Fill fill_lengths(std::int64_t k) {
  return [k](HostView& view, Rng&) {
    for (std::int64_t t = 0; t < view.size(); ++t) view.set(t, static_cast<double>(length_of(t, k)));
  };
}

// Random slots with holes of every kind and duplicates; every fifth token has no valid entry.
Fill fill_chosen(const Shape& s, bool length) {
  return [s, length](HostView& view, Rng& rng) {
    const double holes[] = {-1, static_cast<double>(s.slots), -7, 2147483647, -1, -2147483648.0};
    for (std::int64_t t = 0; t < s.tokens; ++t) {
      std::int64_t previous = clean_slot(s.slots, rng);
      for (std::int64_t i = 0; i < s.k; ++i) {
        std::int64_t slot = clean_slot(s.slots, rng);
        if (i % 11 == 4) slot = previous;
        previous = slot;
        double entry = static_cast<double>(slot);
        if ((t > 0 && (i + t) % 6 == 3) || t % 5 == 4) entry = holes[static_cast<std::size_t>(rng.below(6))];
        if (length && i >= length_of(t, s.k)) entry = 3;  // a poisoned slot
        view.set(t * s.k + i, entry);
      }
    }
  };
}

Fill fill_sinks() { return fill_values({0.5, -3, kInf, 40, -kInf, -50, 2}); }

Case sparse_case(std::string name, const Shape& s, const Options& o) {
  const KvLayout layout{o.format, s.c, s.r};
  const SparseMlaParams params{.format = o.format,
                               .c = static_cast<std::int32_t>(s.c),
                               .r = static_cast<std::int32_t>(s.r),
                               .scale = static_cast<float>(1.0 / std::sqrt(static_cast<double>(s.c + s.r))),
                               .out = o.out};
  // As the model makes them: the latent queries are a product's output, the rope queries columns of a wider
  // tensor.
  TensorDesc q_rope(o.q, {s.tokens, s.heads, s.r});
  q_rope.strides = {s.heads * (s.r + 24), s.r + 24, 1};
  const CaseOperand length{.desc = {DType::kI32, {s.tokens}}, .fill = fill_lengths(s.k)};
  const CaseOperand sink{.desc = {DType::kF32, {s.heads}}, .fill = fill_sinks()};
  name = fmt::format("{}_{}_{}_{}", name, dtype_name(cache_desc(layout, o.cache, 1).dtype), dtype_name(o.q),
                     dtype_name(o.out));
  return make_case(
      std::move(name), params,
      {{.desc = strided(o.q, {s.tokens, s.heads, s.c}, s.heads * s.c + o.q_pad),
        .fill = fill_normal(o.q_scale)},
       {.desc = q_rope, .fill = fill_normal(o.q_scale)},
       {.desc = cache_desc(layout, o.cache, s.slots), .fill = fill_cache(layout)},
       {.desc = strided(DType::kI32, {s.tokens, s.k}, s.k + 5), .fill = fill_chosen(s, o.length)},
       o.length ? length : absent(),
       o.sink ? sink : absent(),
       output(),
       output(),
       o.max_logits ? output() : absent()});
}

// A named row that holds NaN makes its token NaN and no other.
Case nan_case() {
  Case result = sparse_case("nan_row", {6, 3, 24, 8, 4, 16}, {});
  result.operands[kSlots].fill = [](HostView& view, Rng& rng) {
    for (std::int64_t i = 0; i < view.size(); ++i) view.set(i, static_cast<double>(clean_slot(16, rng)));
    view.set(2 * 4 + 1, 8);
  };
  return result;
}

// What FlashMLA's own tests allow (tests/test_flash_mla_sparse_{prefill,decoding}.py): every element within
// an absolute or a relative bound, and the operand as a whole within a distance.
struct Bound {
  double absolute, relative;
  double distance;  // 1 - 2 <x, y> / (<x, x> + <y, y>)
};
constexpr Bound kOutBound{8e-4, 2.01 / 128, 5e-6}, kLseBound{1e-6, 2.01 / 65536, 1};

std::string check_bound(const char* name, const OperandResult& result, const Bound& bound) {
  const std::vector<double> found = harness::decode(result.desc.dtype, result.actual);
  double squares = 0, gaps = 0;
  for (std::size_t i = 0; i < found.size(); ++i) {
    const double want = result.expected[i], got = found[i], gap = std::fabs(got - want);
    if ((std::isnan(want) && std::isnan(got)) || want == got) continue;
    if (!(gap <= bound.absolute || gap <= bound.relative * std::fabs(want)))
      return fmt::format("{}[{}]: expected {}, found {} (allowed {} or {} of it)", name, i, want, got,
                         bound.absolute, bound.relative);
  }
  for (std::size_t i = 0; i < found.size(); ++i) {
    const double want = result.expected[i], got = found[i];
    if (!std::isfinite(want) || !std::isfinite(got)) continue;
    squares += want * want + got * got;
    gaps += (got - want) * (got - want);
  }
  if (gaps <= bound.distance * squares) return {};
  return fmt::format("{}: distance {:.3g}, allowed {:.3g}", name, gaps / squares, bound.distance);
}

// The op's tolerance, and FlashMLA's.
std::string compare_published(const OpCall&, const std::vector<OperandResult>& results) {
  for (const auto& [i, bound] : {std::pair{kOut, kOutBound}, {kLse, kLseBound}, {kMaxLogits, kLseBound}}) {
    const OperandResult& result = results[static_cast<std::size_t>(i)];
    if (result.expected.empty()) continue;
    double worst = 0;
    std::string failure = harness::compare_operand(op::sparse_mla, i, result, &worst);
    if (failure.empty())
      failure = check_bound(op::sparse_mla.operands[static_cast<std::size_t>(i)].name, result, bound);
    if (!failure.empty()) return failure;
  }
  return {};
}

// Every slot of a short context once, the rest of the k entries absent.
Fill fill_short_context(const Shape& s) {
  return [s](HostView& view, Rng& rng) {
    std::vector<std::int64_t> slots;
    for (std::int64_t slot = 0; slot < s.slots; ++slot) {
      if (!poisoned(slot)) slots.push_back(slot);
    }
    for (std::int64_t t = 0; t < s.tokens; ++t) {
      for (std::size_t i = slots.size(); i > 1; --i)
        std::swap(slots[i - 1], slots[static_cast<std::size_t>(rng.below(static_cast<std::int64_t>(i)))]);
      for (std::int64_t i = 0; i < s.k; ++i) {
        const bool there = i < static_cast<std::int64_t>(slots.size());
        view.set(t * s.k + i, there ? static_cast<double>(slots[static_cast<std::size_t>(i)]) : -1.0);
      }
    }
  };
}

// C and R of the published models, which the rows for matrix units take: heads around their blocks of 16 and
// 64, keys around their tiles and the parts that a token's keys are split into, more tokens than one launch
// takes, queries at odd addresses.
void add_model_shapes(CaseList& list) {
  for (KvFormat format : {KvFormat::kPackedFp8, KvFormat::kPlain}) {
    const Options o{.format = format, .cache = DType::kBF16, .q = DType::kBF16, .out = DType::kBF16};
    Options all = o, odd = o, sink = o, large = o;
    all.length = all.sink = sink.sink = true;
    odd.q_pad = 3;
    large.q_scale = 120;
    const auto add = [&](const char* name, const Shape& s, const Options& options, const Fill& slots = {}) {
      list.push_back(sparse_case(name, s, options));
      list.back().compare = compare_published;
      if (slots) list.back().operands[kSlots].fill = slots;
    };
    add("model", {2, 8, 512, 64, 128, 256}, o);
    add("model_h1_k1", {6, 1, 512, 64, 1, 40}, o);
    add("model_h17_k65", {3, 17, 512, 64, 65, 90}, odd);
    add("model_h66_k63", {1, 66, 512, 64, 63, 90}, o);
    add("model_h16_k600", {8, 16, 512, 64, 600, 300}, all);
    add("model_h128_k384", {1, 128, 512, 64, 384, 114}, sink);
    add("model_h8_k1400", {2, 8, 512, 64, 1400, 1800}, o);
    add("model_t70_k260", {70, 2, 512, 64, 260, 590}, all);
    const Shape few{2, 20, 512, 64, 300, 32}, none{6, 17, 512, 64, 70, 16};
    add("model_short_context", few, o, fill_short_context(few));
    add("model_no_valid_entry", none, sink, fill_values({-1, 16, -7, 2147483647, -1}));
    add("model_large_scores", {3, 4, 512, 64, 200, 300}, large);
    add("model_nan_row", {6, 3, 512, 64, 64, 90}, o, [](HostView& view, Rng& rng) {
      for (std::int64_t i = 0; i < view.size(); ++i) view.set(i, static_cast<double>(clean_slot(90, rng)));
      view.set(2 * 64 + 41, 8);
    });
  }
}

// Slots in ascending order, as indexer_topk gives them. Of neighbouring tokens' slots, `shared` in a hundred
// are the same.
Fill fill_selection(const Shape& s, std::int64_t shared) {
  return [s, shared](HostView& view, Rng& rng) {
    std::vector<std::int64_t> slots(static_cast<std::size_t>(s.k));
    for (std::int64_t& slot : slots) slot = rng.below(s.slots);
    for (std::int64_t t = 0; t < s.tokens; ++t) {
      for (std::int64_t& slot : slots) {
        if (shared == 0 || rng.below(100) >= shared) slot = rng.below(s.slots);
      }
      std::sort(slots.begin(), slots.end());
      for (std::int64_t i = 0; i < s.k; ++i)
        view.set(t * s.k + i, static_cast<double>(slots[static_cast<std::size_t>(i)]));
    }
  };
}

struct PerfShape {
  std::int64_t heads = 128;
  std::int64_t shared = 0;  // percent
};

// A 64K context; no holes: the FLOPs are those of the formula.
CaseAtTokens perf_case(const PerfShape& shape, const Options& options) {
  return [=](std::int64_t tokens) {
    const Shape s{tokens, shape.heads, 512, 64, 2048, 65536};
    std::string name = fmt::format("v32_64k_t{}_h{}", tokens, shape.heads);
    if (shape.shared > 0) name += fmt::format("_shared{}", shape.shared);
    Case full = sparse_case(std::move(name), s, options);
    full.operands[kCache].fill = fill_cache({options.format, s.c, s.r}, [](std::int64_t) { return false; });
    full.operands[kSlots].fill = fill_selection(s, shape.shared);
    return full;
  };
}

// DeepSeek-V3.2: decode with all heads and with an eighth of them (tensor parallel), chunks of a prefill.
void add_perf(CaseList& list) {
  const Options bf16{.cache = DType::kBF16, .q = DType::kBF16, .out = DType::kBF16, .max_logits = false};
  const Options fp8{
      .format = KvFormat::kPackedFp8, .q = DType::kBF16, .out = DType::kBF16, .max_logits = false};
  add_timed(list, perf_case({128}, fp8), {1, 64});
  add_timed(list, perf_case({16}, fp8), {1});
  add_timed(list, perf_case({128}, bf16), {64});
  add_timed_large(list, perf_case({128}, fp8), {8, 32, 128});
  for (std::int64_t heads : {64, 16}) add_timed_large(list, perf_case({heads}, fp8), {128});
  for (std::int64_t heads : {128, 64, 16}) {
    for (std::int64_t shared : {0, 90}) add_timed_large(list, perf_case({heads, shared}, bf16), {4096});
  }
  add_timed_large(list, perf_case({128}, fp8), {4096});
}

}  // namespace

CaseList cases_sparse_mla() {
  CaseList list;
  const KvFormat packed = KvFormat::kPackedFp8, plain = KvFormat::kPlain;
  const Shape tiny{7, 3, 64, 16, 10, 40}, odd{6, 5, 33, 7, 131, 61};
  for (DType q : {DType::kF32, DType::kBF16, DType::kF16}) {
    list.push_back(sparse_case("tiny", tiny, {.format = plain, .cache = DType::kF32, .q = q, .out = q}));
    list.push_back(sparse_case("tiny", tiny, {.format = plain, .cache = DType::kBF16, .q = q, .out = q}));
    list.push_back(sparse_case("tiny", tiny, {.format = packed, .q = q, .out = q}));
    list.push_back(sparse_case("odd", odd, {.format = packed, .q = q}));
  }
  // k around the key block and around twice it; one key; fewer tokens than threads; more heads than a tile.
  for (std::int64_t k : {1, 2, 63, 64, 65, 127, 128, 129, 257}) {
    list.push_back(sparse_case(fmt::format("k{}", k), {5, 4, 40, 8, k, 300}, {}));
  }
  for (std::int64_t heads : {1, 2, 7, 16, 130}) {
    list.push_back(sparse_case(fmt::format("one_token_h{}", heads), {1, heads, 24, 8, 70, 90}, {}));
  }
  list.push_back(sparse_case("many_tokens", {150, 2, 8, 8, 9, 50}, {.length = true}));
  list.push_back(sparse_case("length", {8, 4, 40, 8, 66, 90}, {.length = true}));
  list.push_back(sparse_case("sink", {6, 7, 40, 8, 66, 90}, {.sink = true}));
  list.push_back(
      sparse_case("length_sink", {8, 7, 130, 6, 70, 90}, {.format = packed, .length = true, .sink = true}));
  list.push_back(sparse_case("wide", {3, 5, 700, 12, 70, 90}, {}));  // more columns than a work group takes
  list.push_back(sparse_case("no_max_logits", tiny, {.max_logits = false}));
  // Scores of several hundred: later blocks raise the maximum by more than exp can hold.
  list.push_back(sparse_case("large_scores", {4, 4, 40, 8, 200, 300}, {.q_scale = 120}));
  list.push_back(sparse_case("zero_queries", {3, 2, 40, 8, 70, 90}, {.q_scale = 0}));
  add_model_shapes(list);
  list.push_back(nan_case());
  Case none = sparse_case("no_valid_entry", {3, 2, 24, 8, 70, 16}, {.sink = true});
  none.operands[kSlots].fill = fill_values({-1, 16, -1});
  list.push_back(std::move(none));
  add_perf(list);
  return list;
}

}  // namespace tamis::cases
