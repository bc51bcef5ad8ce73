// Cases of mla_rope_store: both formats, every dtype, odd latent widths, padding and slots past the end,
// positions up to 1.6e5, inputs that are column ranges of wider tensors.
#include "core/ops/mla_rope_store/mla_rope_store.h"

#include "tests/cases/kv_fills.h"
#include "tests/cases/rows.h"
#include "tests/harness/compare.h"

namespace tamis::cases {
namespace {

using namespace mla_rope_store_operand;

struct Shape {
  std::int64_t tokens, heads, c, r, slots;
};

struct Options {
  KvFormat format = KvFormat::kPlain;
  DType act = DType::kF32;
  DType cache = DType::kF32;
  double kv_scale = 1.0;
};

// A packed row, decoded.
std::vector<double> decode(const KvLayout& layout, const std::byte* row) {
  std::vector<double> values;
  for (std::int64_t i = 0; i < layout.c; ++i) {
    const double scale = load_element(DType::kF32, row + layout.c + i / 128 * 4);
    values.push_back(load_element(DType::kE4M3, row + i) * scale);
  }
  const std::byte* rope = row + layout.c + (layout.c + 127) / 128 * 4;
  for (std::int64_t i = 0; i < layout.r; ++i) values.push_back(load_element(DType::kBF16, rope + i * 2));
  return values;
}

// Packed caches: rows equal, but for the stored token's rows, where a value may be one step of its format
// away (of e4m3 2^-3 of the value or, for small values, of the group's scale; of bf16 2^-8). At most 1 % of
// them: a boundary is rare.
std::string compare_packed(const OpCall& call, const std::vector<OperandResult>& results) {
  double worst = 0;
  std::string difference = harness::compare_operand(*call.op, kQOut, results[kQOut], &worst);
  if (!difference.empty()) return difference;
  const auto& p = call.as<MlaRopeStoreParams>();
  const KvLayout layout{p.format, p.c, p.r};
  const OperandResult& cache = results[kCache];
  const std::int64_t slots = cache.desc.dim(0), width = cache.desc.dim(1);
  std::int64_t off = 0;
  for (std::int64_t slot = 0; slot < slots; ++slot) {
    const std::byte *expected = cache.expected_bytes.data() + slot * width,
                    *actual = cache.actual.data() + slot * width;
    if (std::equal(expected, expected + width, actual)) continue;
    const std::vector<double> want = decode(layout, expected), got = decode(layout, actual);
    for (std::int64_t i = 0; i < layout.c + layout.r; ++i) {
      const double w = want[static_cast<std::size_t>(i)], g = got[static_cast<std::size_t>(i)];
      if (w == g) continue;
      const double scale = i < layout.c ? load_element(DType::kF32, expected + layout.c + i / 128 * 4) : 0.0;
      const double step =
          i < layout.c ? std::fabs(w) * 0x1p-3 + scale * 0x1p-8 : std::fabs(w) * 0x1p-7 + 1e-6;
      if (!(std::fabs(w - g) <= step)) {
        return fmt::format("cache: slot {} value {}: expected {}, found {}", slot, i, w, g);
      }
      ++off;
    }
  }
  const std::int64_t stored = call[kSlot].desc.dim(0) * (layout.c + layout.r);
  if (off * 100 <= stored) return {};
  return fmt::format("cache: {} of {} values lie a step away", off, stored);
}

Fill fill_positions() {
  return [](HostView& view, Rng& rng) {
    const double positions[] = {0, 1, 163839, 4095, 65536};
    for (std::int64_t t = 0; t < view.size(); ++t) {
      view.set(t, t < 5 ? positions[t] : static_cast<double>(rng.below(163840)));
    }
  };
}

// Distinct slots with padding and slots past the end.
Fill fill_targets(std::int64_t slots) {
  return [slots](HostView& view, Rng&) {
    for (std::int64_t t = 0; t < view.size(); ++t) {
      view.set(t, static_cast<double>((t * 7 + 2) % slots));
      if (t % 6 == 1) view.set(t, -1);
      if (t % 6 == 4) view.set(t, static_cast<double>(t % 4 == 0 ? slots : std::int64_t{2147483647}));
    }
  };
}

Fill fill_frequencies(std::int64_t half) {
  return [half](HostView& view, Rng&) {
    for (std::int64_t i = 0; i < half; ++i) {
      view.set(i, std::pow(10000.0, -static_cast<double>(i) / static_cast<double>(half)));
    }
  };
}

Case store_case(std::string name, const Shape& s, const Options& o) {
  const KvLayout layout{o.format, s.c, s.r};
  TensorDesc q(o.act, {s.tokens, s.heads, s.r});
  q.strides = {s.heads * (s.r + 24), s.r + 24, 1};
  const bool packed = o.format == KvFormat::kPackedFp8;
  const TensorDesc cache = cache_desc(layout, o.cache, s.slots);
  Case result = make_case(
      fmt::format("{}_{}_{}", name, dtype_name(o.act), dtype_name(cache.dtype)),
      MlaRopeStoreParams{o.format, static_cast<std::int32_t>(s.c), static_cast<std::int32_t>(s.r), 1e-6f},
      {{.desc = q, .fill = fill_normal()},
       {.desc = strided(o.act, {s.tokens, s.c + s.r}, s.c + s.r + 40), .fill = fill_normal(o.kv_scale)},
       {.desc = {DType::kF32, {s.c}}, .fill = fill_uniform(0.5, 1.5)},
       {.desc = {DType::kF32, {s.r / 2}}, .fill = fill_frequencies(s.r / 2)},
       {.desc = {DType::kI32, {s.tokens}}, .fill = fill_positions()},
       {.desc = {DType::kI32, {s.tokens}}, .fill = fill_targets(s.slots)},
       output(),
       {.desc = cache, .fill = packed ? fill_ints(0, 256) : fill_normal()}});
  if (packed) result.compare = compare_packed;
  return result;
}

// DeepSeek-V3.2's queries and cache rows, one of 64K for each token.
void add_perf(CaseList& list) {
  const auto v32 = [](std::int64_t tokens) {
    Case c = store_case("v32", {tokens, 128, 512, 64, 65536},
                        {.format = KvFormat::kPackedFp8, .act = DType::kBF16});
    c.name = fmt::format("v32_fp8_t{}", tokens);
    for (std::size_t i = 0; i < c.operands.size(); ++i) {
      if (c.operands[i].desc.dtype == DType::kI32) c.operands[i].fill = fill_iota(0);  // positions, slots
    }
    return c;
  };
  add_timed(list, v32, {1, 1024});
}

}  // namespace

CaseList cases_mla_rope_store() {
  CaseList list;
  const KvFormat packed = KvFormat::kPackedFp8;
  const Shape shapes[] = {{1, 8, 512, 64, 3}, {5, 3, 64, 16, 8}, {13, 1, 200, 6, 16}, {40, 2, 127, 2, 65}};
  for (const Shape& s : shapes) {
    const std::string name = fmt::format("t{}_h{}_c{}_r{}", s.tokens, s.heads, s.c, s.r);
    list.push_back(store_case(name, s, {.act = DType::kF32, .cache = DType::kF32}));
    list.push_back(store_case(name, s, {.act = DType::kBF16, .cache = DType::kBF16}));
    list.push_back(store_case(name, s, {.act = DType::kF16, .cache = DType::kBF16}));
    list.push_back(store_case(name, s, {.format = packed, .act = DType::kBF16}));
    list.push_back(store_case(name, s, {.format = packed, .act = DType::kF32}));
  }
  list.push_back(store_case("bf16_between", shapes[2], {.act = DType::kBF16, .cache = DType::kF32}));
  list.push_back(store_case("tiny_latents", shapes[1], {.kv_scale = 1e-4}));
  list.push_back(store_case("zero_latents", shapes[1], {.format = packed, .kv_scale = 0}));
  add_perf(list);
  return list;
}

}  // namespace tamis::cases
