// Cases of indexer_prepare: both formats and pairings, every dtype, odd rotary sizes, padding, strided
// inputs, positions up to 160 K, all-zero and boundary amax.
//
// Normal data is compared dequantised: fp32 against double may move a value across a rounding boundary (one
// e4m3 step, or one bf16 step before it) or an amax across a power of two (then the whole vector has another
// scale). That must stay rare, so the share of values that differ is bounded as well. Cases "_bits" are exact
// in fp32 and held to equality.
#include "core/ops/indexer_prepare/indexer_prepare.h"

#include <cmath>

#include "core/ops/oracle/oracle.h"
#include "tests/cases/rows.h"

namespace tamis::cases {
namespace {

using namespace indexer_prepare_operand;

struct Shape {
  std::int64_t tokens, heads, dim, rotary;
  DType q = DType::kF32, k = DType::kF32, cache = DType::kF32;
  std::int32_t page_size = 16;

  std::int64_t pages() const { return tokens / page_size + 2; }
};

// One vector: its codes and its scale, on both sides.
struct Vectors {
  std::vector<double> expected, found;
  std::vector<double> expected_scale, found_scale;
  std::int64_t dim;
};

std::string compare_dequantised(const char* name, const Vectors& v) {
  std::int64_t differing = 0, other_scale = 0;
  const auto rows = static_cast<std::int64_t>(v.expected_scale.size());
  for (std::int64_t r = 0; r < rows; ++r) {
    const double want_scale = v.expected_scale[static_cast<std::size_t>(r)];
    const double got_scale = v.found_scale[static_cast<std::size_t>(r)];
    const double ratio = got_scale / want_scale;
    if (!(ratio == 2 || ratio == 0.5 || std::fabs(ratio - 1) <= 1e-2)) {  // a bf16 step of amax is 2^-8
      return fmt::format("{}: scale {}: expected {}, found {}", name, r, want_scale, got_scale);
    }
    const bool same_scale = std::fabs(ratio - 1) <= 1e-2;
    other_scale += same_scale ? 0 : 1;
    for (std::int64_t i = r * v.dim; i < (r + 1) * v.dim; ++i) {
      const double want_code = v.expected[static_cast<std::size_t>(i)],
                   got_code = v.found[static_cast<std::size_t>(i)];
      const double want = want_code * want_scale, got = got_code * got_scale;
      const double step = std::fabs(want) * 0.126 + 0x1p-9 * std::max(want_scale, got_scale);
      if (!(std::fabs(got - want) <= step))
        return fmt::format("{}[{}]: expected {}, found {}", name, i, want, got);
      differing += same_scale && got_code != want_code ? 1 : 0;
    }
  }
  const auto values = static_cast<std::int64_t>(v.expected.size());
  if (differing > 4 + values / 100) return fmt::format("{}: {} of {} codes differ", name, differing, values);
  if (other_scale > 1 + rows / 50) return fmt::format("{}: {} of {} scales differ", name, other_scale, rows);
  return {};
}

// The scales of a page as f32, its codes as e4m3.
void read_cache(const OpCall& call, const std::vector<std::byte>& memory, std::vector<double>& codes,
                std::vector<double>& scales) {
  const std::int64_t dim = call[kK].desc.dim(1), page_size = call.as<IndexerPrepareParams>().page_size;
  const std::byte* page = memory.data();
  for (std::int64_t p = 0; p < call[kCache].desc.dim(0); ++p, page += page_size * (dim + 4)) {
    for (std::int64_t i = 0; i < page_size * dim; ++i) codes.push_back(load_element(DType::kE4M3, page + i));
    for (std::int64_t i = 0; i < page_size; ++i) {
      scales.push_back(load_element(DType::kF32, page + page_size * dim + i * 4));
    }
  }
}

std::string compare_fp8(const OpCall& call, const std::vector<OperandResult>& results) {
  const OperandResult &q_out = results[kQOut], &q_scale = results[kQScale], &cache = results[kCache];
  Vectors queries{
      .expected = q_out.expected, .expected_scale = q_scale.expected, .dim = call[kQ].desc.dim(2)};
  for (const std::byte& code : q_out.actual) queries.found.push_back(load_element(DType::kE4M3, &code));
  for (std::size_t i = 0; i < q_scale.actual.size(); i += 4) {
    queries.found_scale.push_back(load_element(DType::kF32, q_scale.actual.data() + i));
  }
  if (std::string wrong = compare_dequantised("q_out", queries); !wrong.empty()) return wrong;
  Vectors keys{.dim = call[kK].desc.dim(1)};
  read_cache(call, cache.expected_bytes, keys.expected, keys.expected_scale);
  read_cache(call, cache.actual, keys.found, keys.found_scale);
  return compare_dequantised("cache", keys);
}

// kExact: within a step of the narrowest dtype on the way.
std::string compare_exact(const OpCall& call, const std::vector<OperandResult>& results) {
  const auto allowed = [](DType a, DType b) {
    const auto step = [](DType d) { return d == DType::kBF16 ? 0x1p-7 : d == DType::kF16 ? 0x1p-10 : 2e-6; };
    return std::max(step(a), step(b));
  };
  const DType q = call[kQ].desc.dtype, k = call[kK].desc.dtype, cache = call[kCache].desc.dtype;
  for (int operand : {static_cast<int>(kQOut), static_cast<int>(kCache)}) {
    const OperandResult& result = results[static_cast<std::size_t>(operand)];
    const double tolerance = operand == kQOut ? allowed(q, q) : allowed(k, cache);
    const std::size_t size = dtype_size(result.desc.dtype);
    for (std::size_t i = 0; i < result.actual.size() / size; ++i) {
      const double want = operand == kQOut ? result.expected[i]
                                           : load_element(cache, result.expected_bytes.data() + i * size);
      const double got = load_element(result.desc.dtype, result.actual.data() + i * size);
      if (!(std::fabs(got - want) <= tolerance * (std::fabs(want) + 0.1))) {
        return fmt::format("{}[{}]: expected {}, found {}", operand == kQOut ? "q_out" : "cache", i, want,
                           got);
      }
    }
  }
  return {};
}

// YaRN-like: from 1 down.
CaseOperand frequencies(std::int64_t rotary) {
  return {.desc = {DType::kF32, {rotary / 2}}, .fill = [rotary](HostView& view, Rng&) {
            for (std::int64_t i = 0; i < view.size(); ++i) {
              view.set(i, std::pow(10000.0, -2.0 * static_cast<double>(i) / static_cast<double>(rotary)));
            }
          }};
}

// Distinct slots from the last one down; every sixth token is padding or out of range.
Fill fill_slots(std::int64_t slots) {
  return [slots](HostView& view, Rng&) {
    for (std::int64_t t = 0; t < view.size(); ++t) {
      const double absent = t % 12 == 4 ? -1 : static_cast<double>(slots);
      view.set(t, t % 6 == 4 ? absent : static_cast<double>(slots - 1 - t));
    }
  };
}

// Valid codes and positive scales, so that unwritten slots can be compared like the others.
void fill_fp8_cache(const Shape& s, HostView& view, Rng& rng) {
  for (std::int64_t page = 0; page < s.pages(); ++page) {
    std::byte* memory = view.address(page * s.page_size * (s.dim + 4));
    HostView codes({DType::kE4M3, {s.page_size * s.dim}}, memory);
    HostView scales({DType::kF32, {s.page_size}}, memory + s.page_size * s.dim);
    fill_normal()(codes, rng);
    fill_uniform(0.1, 1)(scales, rng);
  }
}

Case prepare(std::string name, const Shape& s, const IndexerPrepareParams& base) {
  IndexerPrepareParams params = base;
  params.page_size = s.page_size;
  const bool fp8 = params.format == IndexFormat::kFp8Paged;
  const std::int64_t slots = s.pages() * s.page_size;
  const CaseOperand cache =
      fp8 ? CaseOperand{.desc = {DType::kU8, {s.pages(), s.page_size * (s.dim + 4)}},
                        .fill = [s](HostView& view, Rng& rng) { fill_fp8_cache(s, view, rng); }}
          : CaseOperand{.desc = {s.cache, {slots, s.dim}}, .fill = fill_normal()};
  Case c = make_case(std::move(name), params,
                     {{.desc = {s.q, {s.tokens, s.heads, s.dim}}, .fill = fill_normal()},
                      {.desc = {s.k, {s.tokens, s.dim}}, .fill = fill_normal()},
                      frequencies(s.rotary),
                      {.desc = {DType::kI32, {s.tokens}}, .fill = fill_ints(0, 5000)},
                      {.desc = {DType::kI32, {s.tokens}}, .fill = fill_slots(slots)},
                      output(),
                      fp8 ? output() : absent(),
                      cache});
  c.compare = fp8 ? compare_fp8 : compare_exact;
  return c;
}

// Position 0 turns nothing and small integers stay exact: every step is exact in fp32, so bits are compared.
Case bits(std::string name, const Shape& s, bool pow2, Fill q, Fill k) {
  Case c = prepare(std::move(name), s, {RopePairing::kHalfSplit, IndexFormat::kFp8Paged, pow2, 16});
  c.operands[kQ].fill = std::move(q);
  c.operands[kK].fill = std::move(k);
  c.operands[kPositions].fill = fill_constant(0);
  c.compare = nullptr;
  return c;
}

void add_formats(CaseList& list, RopePairing pairing) {
  const char* name = pairing == RopePairing::kHalfSplit ? "half_split" : "interleaved";
  for (DType dtype : {DType::kF32, DType::kBF16, DType::kF16}) {
    const Shape s{.tokens = 19, .heads = 3, .dim = 32, .rotary = 16, .q = dtype, .k = dtype};
    for (bool pow2 : {false, true}) {
      list.push_back(prepare(fmt::format("fp8_{}_{}_pow2_{}", name, dtype_name(dtype), pow2), s,
                             {pairing, IndexFormat::kFp8Paged, pow2}));
    }
    Shape exact{.tokens = 11, .heads = 2, .dim = 24, .rotary = 8, .q = dtype, .k = dtype};
    exact.cache = DType::kF32;
    list.push_back(prepare(fmt::format("exact_{}_{}_f32", name, dtype_name(dtype)), exact, {pairing}));
    exact.cache = DType::kBF16;
    list.push_back(prepare(fmt::format("exact_{}_{}_bf16", name, dtype_name(dtype)), exact, {pairing}));
  }
  const Shape model{.tokens = 5,
                    .heads = 64,
                    .dim = 128,
                    .rotary = 64,
                    .q = DType::kBF16,
                    .k = DType::kBF16,
                    .page_size = 64};
  list.push_back(prepare(fmt::format("fp8_{}_model_sizes", name), model, {pairing, IndexFormat::kFp8Paged}));
  const Shape odd{.tokens = 7, .heads = 1, .dim = 9, .rotary = 6, .page_size = 3};
  list.push_back(prepare(fmt::format("exact_{}_odd_sizes", name), odd, {pairing}));
  const Shape whole{.tokens = 1, .heads = 2, .dim = 16, .rotary = 16, .page_size = 1};
  list.push_back(
      prepare(fmt::format("fp8_{}_one_token_all_rotary", name), whole, {pairing, IndexFormat::kFp8Paged}));
  Case far = prepare(fmt::format("exact_{}_far_positions", name), odd, {pairing});
  far.operands[kPositions].fill = fill_values({163839, 131072, 99991});
  list.push_back(far);
}

// DeepSeek-V3.2's index queries and keys.
void add_perf(CaseList& list) {
  const auto v32 = [](std::int64_t tokens) {
    const Shape s{.tokens = tokens,
                  .heads = 64,
                  .dim = 128,
                  .rotary = 64,
                  .q = DType::kBF16,
                  .k = DType::kBF16,
                  .page_size = 64};
    Case c = prepare(fmt::format("v32_t{}", tokens), s,
                     {RopePairing::kHalfSplit, IndexFormat::kFp8Paged, true, 64});
    c.operands[kPositions].fill = fill_iota(0);
    c.operands[kSlot].fill = fill_iota(0);
    return c;
  };
  add_timed(list, v32, {1, 1024});
}

}  // namespace

CaseList cases_indexer_prepare() {
  CaseList list;
  add_formats(list, RopePairing::kHalfSplit);
  add_formats(list, RopePairing::kInterleaved);
  const Shape s{.tokens = 9, .heads = 3, .dim = 16, .rotary = 8};
  const Shape wide{.tokens = 6, .heads = 2, .dim = 64, .rotary = 16};
  for (bool pow2 : {false, true}) {
    const char* rule = pow2 ? "pow2" : "f32";
    list.push_back(bits(fmt::format("zeros_{}_bits", rule), s, pow2, fill_constant(0), fill_constant(0)));
    list.push_back(bits(fmt::format("integers_{}_bits", rule), s, pow2, fill_ints(-8, 9), fill_ints(-8, 9)));
    // All dimensions c: the transform is 8 c in dimension 0. 8 · 56 = 448 keeps scale 1, 8 · 57 needs 2.
    list.push_back(bits(fmt::format("amax_on_the_boundary_{}_bits", rule), wide, pow2, fill_constant(56),
                        fill_constant(57)));
  }
  Case rows = prepare("fp8_strided", s, {RopePairing::kInterleaved, IndexFormat::kFp8Paged});
  rows.operands[kQ].desc.strides = {3 * 16 + 40, 23, 1, 0};
  rows.operands[kK].desc = strided(DType::kF32, {9, 16}, 21);
  list.push_back(rows);
  Case padding = prepare("fp8_only_padding", s, {RopePairing::kHalfSplit, IndexFormat::kFp8Paged});
  padding.operands[kSlot].fill = fill_values({-1, 2147483647, -2147483648.0});
  list.push_back(padding);
  add_perf(list);
  return list;
}

}  // namespace tamis::cases
