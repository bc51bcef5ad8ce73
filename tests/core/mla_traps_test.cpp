// What others got wrong around the latent cache and a parity case cannot show: results that depend on chunk
// or batch, sparse attention that is not dense attention when everything is chosen, two forms of MLA that
// disagree, merges that lose a side, offsets past 2^31 elements, and the bytes of a packed row.
#include <cmath>

#include "core/ops/dense_mla/dense_mla.h"
#include "core/ops/kv_gather/kv_gather.h"
#include "core/ops/kv_store/kv_store.h"
#include "core/ops/merge_lse/merge_lse.h"
#include "core/ops/mha_prefill/mha_prefill.h"
#include "core/ops/mla_rope_store/mla_rope_store.h"
#include "core/ops/sparse_mla/sparse_mla.h"
#include "tests/cases/kv_fills.h"
#include "tests/core/decomposed.h"

namespace tamis::test {
namespace {

using cases::fill_constant;
using cases::fill_iota;
using cases::fill_normal;
using cases::fill_values;

constexpr std::int64_t kTokens = 70, kHeads = 3, kC = 40, kR = 8, kPage = 16, kPages = 9;
constexpr float kScale = 0.2f;

Tensor rows(const Tensor& tensor, std::int64_t first, std::int64_t count) {
  Tensor part = tensor;
  part.desc = slice(tensor.desc, 0, count);
  part.offset += slice_offset_bytes(tensor.desc, 0, first);
  return part;
}

Tensor columns(const Tensor& tensor, int axis, std::int64_t first, std::int64_t count) {
  Tensor part = tensor;
  part.desc = slice(tensor.desc, axis, count);
  part.offset += slice_offset_bytes(tensor.desc, axis, first);
  return part;
}

std::vector<double> values_of(const Tensor& tensor) {
  const cases::HostView view(tensor.desc, tensor.buffer->host() + tensor.offset);
  std::vector<double> values;
  for (std::int64_t i = 0; i < view.size(); ++i) values.push_back(view.get(i));
  return values;
}

void expect_near(const Tensor& expected, const Tensor& actual, double tolerance) {
  const std::vector<double> want = values_of(expected), got = values_of(actual);
  ASSERT_EQ(want.size(), got.size());
  for (std::size_t i = 0; i < want.size(); ++i) {
    if (want[i] == got[i]) continue;  // infinities
    ASSERT_NEAR(want[i], got[i], tolerance * (1 + std::fabs(want[i]))) << i;
  }
}

// One prompt of kTokens whose token t sees t + 60 keys of a paged cache.
struct Prompt {
  KvFormat format;
  Tensor q_latent, q_rope, cache, page_table, seq, ke;

  Prompt(CpuRunner& runner, KvFormat kv_format) : format(kv_format) {
    const KvLayout layout{format, kC, kR};
    q_latent = runner.filled({.desc = {DType::kF32, {kTokens, kHeads, kC}}, .fill = fill_normal()}, 1);
    q_rope = runner.filled({.desc = {DType::kF32, {kTokens, kHeads, kR}}, .fill = fill_normal()}, 2);
    const auto none = [](std::int64_t) { return false; };
    cache = runner.filled({.desc = cases::cache_desc(layout, DType::kBF16, kPages * kPage),
                           .fill = cases::fill_cache(layout, none)},
                          3);
    page_table =
        runner.filled({.desc = {DType::kI32, {1, kPages}}, .fill = fill_values({3, 8, 0, 5, 1, 7, 2, 6, 4})});
    seq = runner.filled({.desc = {DType::kI32, {kTokens}}, .fill = fill_constant(0)});
    ke = runner.filled({.desc = {DType::kI32, {kTokens}}, .fill = fill_iota(60)});
  }

  std::vector<Tensor> dense(CpuRunner& runner, std::int64_t first, std::int64_t count,
                            const char* family) const {
    const DenseMlaParams params{format, kC, kR, kPage, kScale, DType::kF32};
    const std::vector<Tensor> all =
        runner.run(op::dense_mla, params,
                   {rows(q_latent, first, count), rows(q_rope, first, count), cache, page_table,
                    rows(seq, first, count), rows(ke, first, count), wanted_output(), wanted_output()},
                   family);
    return {all[dense_mla_operand::kOut], all[dense_mla_operand::kLse]};
  }

  // Slots of the visible keys in order of position, then -1.
  Tensor all_slots(CpuRunner& runner) const {
    const std::vector<double> pages = values_of(page_table);
    return runner.filled({.desc = {DType::kI32, {kTokens, kPages * kPage}},
                          .fill = [pages](cases::HostView& view, cases::Rng&) {
                            for (std::int64_t i = 0; i < view.size(); ++i) {
                              const std::int64_t t = i / (kPages * kPage), position = i % (kPages * kPage);
                              const double slot = pages[static_cast<std::size_t>(position / kPage)] * kPage +
                                                  static_cast<double>(position % kPage);
                              view.set(i, position < t + 60 ? slot : -1.0);
                            }
                          }});
  }

  std::vector<Tensor> sparse(CpuRunner& runner, const Tensor& slots, std::int64_t first, std::int64_t count,
                             const char* family, const Tensor& sink = {}) const {
    const SparseMlaParams params{format, kC, kR, kScale, DType::kF32};
    const std::vector<Tensor> all =
        runner.run(op::sparse_mla, params,
                   {rows(q_latent, first, count), rows(q_rope, first, count), cache,
                    rows(slots, first, count), Tensor{}, sink, wanted_output(), wanted_output(), Tensor{}},
                   family);
    return {all[sparse_mla_operand::kOut], all[sparse_mla_operand::kLse]};
  }
};

constexpr KvFormat kFormats[] = {KvFormat::kPlain, KvFormat::kPackedFp8};

// Context at most k: DSA is dense MLA.
TEST(MlaTraps, SparseOverAllVisibleKeysIsDense) {
  for (KvFormat format : kFormats) {
    CpuRunner runner;
    const Prompt prompt(runner, format);
    const Tensor slots = prompt.all_slots(runner);
    const std::vector<Tensor> dense = prompt.dense(runner, 0, kTokens, "portable");
    const std::vector<Tensor> sparse = prompt.sparse(runner, slots, 0, kTokens, "portable");
    EXPECT_EQ(memory_of(dense[0]), memory_of(sparse[0]));
    EXPECT_EQ(memory_of(dense[1]), memory_of(sparse[1]));
    const std::vector<Tensor> blas = prompt.dense(runner, 0, kTokens, "openblas");
    expect_near(dense[0], blas[0], 1e-5);
    expect_near(dense[1], blas[1], 1e-5);
  }
}

// Rows marked kBatch: the bits of a token do not depend on the chunk it comes in.
TEST(MlaTraps, ChunkingKeepsEveryBit) {
  CpuRunner runner;
  const Prompt prompt(runner, KvFormat::kPackedFp8);
  const Tensor slots = prompt.all_slots(runner);
  const std::vector<Tensor> dense = prompt.dense(runner, 0, kTokens, "portable");
  const std::vector<Tensor> sparse = prompt.sparse(runner, slots, 0, kTokens, "portable");
  const std::int64_t cuts[] = {0, 1, 18, 51, 52, kTokens};
  for (std::size_t i = 0; i + 1 < std::size(cuts); ++i) {
    const std::int64_t first = cuts[i], count = cuts[i + 1] - cuts[i];
    const std::vector<Tensor> part = prompt.dense(runner, first, count, "portable");
    const std::vector<Tensor> chosen = prompt.sparse(runner, slots, first, count, "portable");
    for (std::size_t output : {0, 1}) {
      EXPECT_EQ(memory_of(rows(dense[output], first, count)), memory_of(part[output])) << first;
      EXPECT_EQ(memory_of(rows(sparse[output], first, count)), memory_of(chosen[output])) << first;
    }
  }
}

TEST(MlaTraps, ChunkingMhaKeepsEveryBit) {
  constexpr std::int64_t kKeys = 300, kDim = 12;
  CpuRunner runner;
  const auto normal = [&](std::initializer_list<std::int64_t> shape, std::uint64_t seed) {
    return runner.filled({.desc = {DType::kF32, shape}, .fill = fill_normal()}, seed);
  };
  const Tensor q = normal({kTokens, kHeads, kDim}, 1), q_rope = normal({kTokens, kHeads, 4}, 2);
  const Tensor k = normal({kKeys, kHeads, kDim}, 3), k_rope = normal({kKeys, 4}, 4),
               v = normal({kKeys, kHeads, 7}, 5);
  const Tensor seq = runner.filled({.desc = {DType::kI32, {kTokens}}, .fill = fill_constant(0)});
  const Tensor kv_len = runner.filled({.desc = {DType::kI32, {1}}, .fill = fill_constant(kKeys)});
  const Tensor ke = runner.filled({.desc = {DType::kI32, {kTokens}}, .fill = fill_iota(kKeys - kTokens + 1)});
  const auto attend = [&](std::int64_t first, std::int64_t count) {
    return runner.run(
        op::mha_prefill, MhaPrefillParams{kScale, DType::kF32},
        {rows(q, first, count), rows(q_rope, first, count), k, k_rope, v, rows(seq, first, count), kv_len,
         rows(ke, first, count), wanted_output(), wanted_output()},
        "portable");
  };
  const std::vector<Tensor> whole = attend(0, kTokens);
  for (const auto& [first, count] : {std::pair<std::int64_t, std::int64_t>{0, 1}, {1, 65}, {66, 4}}) {
    const std::vector<Tensor> part = attend(first, count);
    for (int output : {mha_prefill_operand::kOut, mha_prefill_operand::kLse}) {
      const auto i = static_cast<std::size_t>(output);
      EXPECT_EQ(memory_of(rows(whole[i], first, count)), memory_of(part[i])) << first;
    }
  }
}

// Keys cut in two, attended apart, merged; the sink belongs to one side. The first tokens have no key on the
// right.
TEST(MlaTraps, MergingTwoHalvesIsTheWhole) {
  CpuRunner runner;
  const Prompt prompt(runner, KvFormat::kPlain);
  const Tensor slots = prompt.all_slots(runner);
  const Tensor sink = runner.filled({.desc = {DType::kF32, {kHeads}}, .fill = fill_values({0.5, -2, 3})});
  const std::vector<Tensor> whole = prompt.sparse(runner, slots, 0, kTokens, "portable", sink);
  const Tensor left = columns(slots, 1, 0, 80), right = columns(slots, 1, 80, kPages * kPage - 80);
  const std::vector<Tensor> a = prompt.sparse(runner, left, 0, kTokens, "portable", sink);
  const std::vector<Tensor> b = prompt.sparse(runner, right, 0, kTokens, "portable");
  EXPECT_EQ(values_of(b[1])[0], -INFINITY);
  const std::vector<Tensor> merged =
      runner.run(op::merge_lse, MergeLseParams{}, {a[0], a[1], b[0], b[1], wanted_output(), wanted_output()},
                 "portable");
  expect_near(whole[0], merged[merge_lse_operand::kOut], 1e-5);
  expect_near(whole[1], merged[merge_lse_operand::kLse], 1e-5);
}

// y[t, h, j] = sum_i x[t, h or 0, i] w[h, j, i]; with `transposed`, w[h, i, j].
struct Projection {
  const std::vector<double>& w;
  std::int64_t out, in;
  bool transposed = false;

  std::vector<double> apply(const std::vector<double>& x, std::int64_t x_heads) const {
    const std::int64_t count = static_cast<std::int64_t>(x.size()) / (x_heads * in);
    std::vector<double> y(static_cast<std::size_t>(count * kHeads * out));
    for (std::int64_t flat = 0; flat < static_cast<std::int64_t>(y.size()); ++flat) {
      const std::int64_t t = flat / (kHeads * out), h = flat / out % kHeads, j = flat % out;
      for (std::int64_t i = 0; i < in; ++i) {
        const std::int64_t at = transposed ? (h * in + i) * out + j : (h * out + j) * in + i;
        y[static_cast<std::size_t>(flat)] +=
            x[static_cast<std::size_t>((t * x_heads + h % x_heads) * in + i)] *
            w[static_cast<std::size_t>(at)];
      }
    }
    return y;
  }
};

// Form A over up-projected keys and values against form B over latents: q_nope (W_UK c) = (q_nope W_UK) c,
// and P (W_UV c) = (P c) W_UV.
TEST(MlaTraps, ExpandedAndAbsorbedFormsAgree) {
  constexpr std::int64_t kNope = 6, kValue = 5, kKeys = kPages * kPage;
  CpuRunner runner;
  Prompt prompt(runner, KvFormat::kPackedFp8);
  const auto normal = [&](std::initializer_list<std::int64_t> shape, std::uint64_t seed) {
    return runner.filled({.desc = {DType::kF32, shape}, .fill = fill_normal(0.3)}, seed);
  };
  const auto tensor = [&](std::initializer_list<std::int64_t> shape, const std::vector<double>& values) {
    return runner.filled({.desc = {DType::kF32, shape}, .fill = fill_values(values)});
  };
  const Tensor q_nope = normal({kTokens, kHeads, kNope}, 7);
  const std::vector<double> w_uk = values_of(normal({kHeads, kNope, kC}, 8));
  const std::vector<double> w_uv = values_of(normal({kHeads, kValue, kC}, 9));
  const Tensor kv_len = runner.filled({.desc = {DType::kI32, {1}}, .fill = fill_constant(kKeys)});
  const std::vector<Tensor> gathered =
      runner.run(op::kv_gather, KvGatherParams{prompt.format, kC, kR, kPage, DType::kF32, kKeys},
                 {prompt.cache, prompt.page_table, kv_len, wanted_output(), wanted_output()}, "portable");
  const std::vector<double> latent = values_of(gathered[kv_gather_operand::kLatent]);
  const Projection up_k{w_uk, kNope, kC}, up_v{w_uv, kValue, kC}, absorb{w_uk, kC, kNope, true};

  const std::vector<Tensor> expanded =
      runner.run(op::mha_prefill, MhaPrefillParams{kScale, DType::kF32},
                 {q_nope, prompt.q_rope, tensor({kKeys, kHeads, kNope}, up_k.apply(latent, 1)),
                  gathered[kv_gather_operand::kKRope], tensor({kKeys, kHeads, kValue}, up_v.apply(latent, 1)),
                  prompt.seq, kv_len, prompt.ke, wanted_output(), wanted_output()},
                 "openblas");
  prompt.q_latent = tensor({kTokens, kHeads, kC}, absorb.apply(values_of(q_nope), kHeads));
  const std::vector<Tensor> absorbed = prompt.dense(runner, 0, kTokens, "openblas");
  const Tensor values = tensor({kTokens, kHeads, kValue}, up_v.apply(values_of(absorbed[0]), kHeads));
  expect_near(values, expanded[mha_prefill_operand::kOut], 1e-5);
  expect_near(absorbed[1], expanded[mha_prefill_operand::kLse], 1e-5);
}

// The last row of a cache of more than 2^31 elements: stored, gathered and attended to.
TEST(MlaTraps, OffsetsPass31Bits) {
  constexpr std::int64_t kWidth = kC + kR, kSlots = (std::int64_t{1} << 31) / kWidth + 1000,
                         kLast = kSlots - 1;
  CpuRunner runner;
  const Tensor cache = runner.tensor({DType::kBF16, {kSlots, kWidth}});
  if (cache.buffer->host() == nullptr) GTEST_SKIP() << "the system refuses 4 GiB of address space";
  const Tensor latent = runner.filled({.desc = {DType::kF32, {1, kC}}, .fill = fill_constant(1.5)});
  const Tensor rope = runner.filled({.desc = {DType::kF32, {1, kR}}, .fill = fill_constant(-2)});
  const Tensor slot =
      runner.filled({.desc = {DType::kI32, {1}}, .fill = fill_constant(static_cast<double>(kLast))});
  runner.run(op::kv_store, KvStoreParams{KvFormat::kPlain, kC, kR}, {latent, rope, slot, cache}, "portable");

  const Tensor page =
      runner.filled({.desc = {DType::kI32, {1, 1}}, .fill = fill_constant(static_cast<double>(kLast))});
  const Tensor one = runner.filled({.desc = {DType::kI32, {1}}, .fill = fill_constant(1)});
  const std::vector<Tensor> gathered =
      runner.run(op::kv_gather, KvGatherParams{KvFormat::kPlain, kC, kR, 1, DType::kF32, 1},
                 {cache, page, one, wanted_output(), wanted_output()}, "portable");
  EXPECT_EQ(values_of(gathered[kv_gather_operand::kLatent]), std::vector<double>(kC, 1.5));
  EXPECT_EQ(values_of(gathered[kv_gather_operand::kKRope]), std::vector<double>(kR, -2.0));

  const Tensor q = runner.filled({.desc = {DType::kF32, {1, 1, kC}}, .fill = fill_constant(0.1)});
  const Tensor q_rope = runner.filled({.desc = {DType::kF32, {1, 1, kR}}, .fill = fill_constant(0.1)});
  for (const char* family : {"portable", "openblas"}) {
    const std::vector<Tensor> sparse = runner.run(
        op::sparse_mla, SparseMlaParams{KvFormat::kPlain, kC, kR, 1.0f, DType::kF32},
        {q, q_rope, cache, page, Tensor{}, Tensor{}, wanted_output(), wanted_output(), Tensor{}}, family);
    EXPECT_EQ(values_of(sparse[sparse_mla_operand::kOut]), std::vector<double>(kC, 1.5)) << family;
  }
}

// A packed row written out by hand: 128 + 2 latents (a full and a short group), 2 rope values.
TEST(MlaTraps, PackedRowBytes) {
  CpuRunner runner;
  std::vector<double> latents(130, 0.0);
  latents[0] = 3;       // scale 2^-7: ceil_pow2(3 / 448); 3 * 2^7 = 384 = 1.5 * 2^8
  latents[1] = -0.75;   // -96 = -1.5 * 2^6
  latents[128] = 1e-6;  // scale at its floor, 2^-13: 0.0082 rounds to 2^-7, four subnormal steps of 2^-9
  const Tensor latent = runner.filled({.desc = {DType::kF32, {1, 130}}, .fill = fill_values(latents)});
  const Tensor rope = runner.filled({.desc = {DType::kF32, {1, 2}}, .fill = fill_values({1.0, -2.0})});
  const Tensor slot = runner.filled({.desc = {DType::kI32, {1}}, .fill = fill_constant(0)});
  const Tensor cache = runner.poisoned({DType::kU8, {1, 142}});
  runner.run(op::kv_store, KvStoreParams{KvFormat::kPackedFp8, 130, 2}, {latent, rope, slot, cache},
             "portable");
  std::vector<int> expected(142, 0);
  expected[0] = 0x7c;
  expected[1] = 0xec;
  expected[128] = 0x04;
  expected[133] = 0x3c;  // 2^-7 as f32, little-endian: 00 00 00 3c
  expected[136] = 0x00;
  expected[137] = 0x39;  // 2^-13
  expected[138] = 0x80;  // 1.0 as bf16
  expected[139] = 0x3f;
  expected[140] = 0x00;  // -2.0
  expected[141] = 0xc0;
  const std::vector<std::byte> bytes = memory_of(cache);
  for (std::size_t i = 0; i < bytes.size(); ++i) EXPECT_EQ(std::to_integer<int>(bytes[i]), expected[i]) << i;
}

TEST(MlaTraps, RopeStoreEqualsItsSteps) {
  for (const cases::Case& test_case : cases::find_cases("mla_rope_store")) {
    expect_equals_decomposition(op::mla_rope_store, test_case, "portable");
  }
}

}  // namespace
}  // namespace tamis::test
