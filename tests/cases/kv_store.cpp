// Cases of kv_store: both formats, every dtype, sizes that leave a short or an odd scale group, padding and
// out-of-range slots, values on the cliffs of the rounding.
#include "core/ops/kv_store/kv_store.h"

#include "tests/cases/kv_fills.h"
#include "tests/cases/rows.h"

namespace tamis::cases {
namespace {

struct Shape {
  std::int64_t tokens, c, r, slots;
};

// Distinct slots with holes: -1, past the end, far past the end.
Fill fill_store_slots(std::int64_t slots) {
  return [slots](HostView& view, Rng& rng) {
    const std::int64_t step = 7, first = rng.below(slots);  // slots % 7 != 0: all distinct
    for (std::int64_t t = 0; t < view.size(); ++t) {
      view.set(t, static_cast<double>((first + t * step) % slots));
      if (t % 5 == 1) view.set(t, -1);
      if (t % 5 == 4) view.set(t, static_cast<double>(t % 2 == 0 ? slots : std::int64_t{2147483647}));
    }
  };
}

Case store_case(const Shape& s, KvFormat format, DType act, DType cache) {
  const KvLayout layout{format, s.c, s.r};
  const TensorDesc desc = cache_desc(layout, cache, s.slots);
  return make_case(
      fmt::format("t{}_c{}_r{}_{}_{}", s.tokens, s.c, s.r, dtype_name(act), dtype_name(desc.dtype)),
      KvStoreParams{format, static_cast<std::int32_t>(s.c), static_cast<std::int32_t>(s.r)},
      {{.desc = {act, {s.tokens, s.c}}, .fill = fill_normal(3.0)},
       {.desc = strided(act, {s.tokens, s.r}, s.c + s.r), .fill = fill_normal()},
       {.desc = {DType::kI32, {s.tokens}}, .fill = fill_store_slots(s.slots)},
       {.desc = desc, .fill = format == KvFormat::kPackedFp8 ? fill_ints(0, 256) : fill_normal()}});
}

// One token, one group of 128 latents: the given values repeated.
Case values_case(const std::string& name, KvFormat format, const std::vector<double>& values) {
  const KvLayout layout{format, 128, 8};
  return make_case(name, KvStoreParams{format, 128, 8},
                   {{.desc = {DType::kF32, {1, 128}}, .fill = fill_values(values)},
                    {.desc = {DType::kF32, {1, 8}}, .fill = fill_values(values)},
                    {.desc = {DType::kI32, {1}}, .fill = fill_constant(1)},
                    {.desc = cache_desc(layout, DType::kBF16, 2),
                     .fill = format == KvFormat::kPackedFp8 ? fill_ints(0, 256) : fill_normal()}});
}

// DeepSeek-V3.2's cache rows, one of 64K for each token.
void add_perf(CaseList& list) {
  for (KvFormat format : {KvFormat::kPackedFp8, KvFormat::kPlain}) {
    const auto rows = [format](std::int64_t tokens) {
      Case c = store_case({tokens, 512, 64, 65536}, format, DType::kBF16, DType::kBF16);
      c.name = fmt::format("v32_{}_t{}", format == KvFormat::kPlain ? "bf16" : "fp8", tokens);
      c.operands[2].fill = fill_iota(0);
      return c;
    };
    add_timed(list, rows, {1, 4096});
  }
}

}  // namespace

CaseList cases_kv_store() {
  CaseList list;
  const Shape shapes[] = {
      {1, 512, 64, 3}, {2, 64, 16, 5}, {9, 200, 24, 16}, {40, 127, 9, 65}, {3, 129, 1, 11}};
  for (const Shape& s : shapes) {
    list.push_back(store_case(s, KvFormat::kPlain, DType::kF32, DType::kF32));
    list.push_back(store_case(s, KvFormat::kPlain, DType::kBF16, DType::kBF16));
    list.push_back(store_case(s, KvFormat::kPackedFp8, DType::kBF16, DType::kU8));
  }
  const Shape odd = shapes[2];
  for (DType act : {DType::kF32, DType::kF16}) {
    list.push_back(store_case(odd, KvFormat::kPlain, act, DType::kBF16));
    list.push_back(store_case(odd, KvFormat::kPackedFp8, act, DType::kU8));
  }
  list.push_back(store_case(odd, KvFormat::kPlain, DType::kF16, DType::kF32));

  // The floor of the scale (2^-13), amax on and just past a power of two of 448, signed zeros, saturation of
  // bf16.
  list.push_back(values_case("all_zero", KvFormat::kPackedFp8, {0.0, -0.0}));
  list.push_back(values_case("amax_448", KvFormat::kPackedFp8, {448, -1, 0.875}));
  list.push_back(values_case("amax_past_448", KvFormat::kPackedFp8, {448.1, -17, 0.1}));
  list.push_back(values_case("scale_at_floor", KvFormat::kPackedFp8, {0.0448, -1e-5, 2e-4}));
  list.push_back(values_case("tiny", KvFormat::kPackedFp8, {1e-6, -3e-7, 1e-30}));
  list.push_back(values_case("nan_and_zeros", KvFormat::kPackedFp8, {1.0, -0.0, kNan, 3.5}));
  list.push_back(values_case("bf16_ties", KvFormat::kPlain, {1.00390625, 1.01171875, -1.00390625, -0.0}));
  list.push_back(values_case("inf_and_nan", KvFormat::kPlain, {kInf, -kInf, kNan, 3.4e38}));
  add_perf(list);
  return list;
}

}  // namespace tamis::cases
