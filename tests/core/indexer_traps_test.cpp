// What others got wrong in an indexer and a parity case cannot show: scores that depend on chunk, batch or
// tiling, and offsets past 2^31 elements (tails that are silently zero).
#include "core/ops/index_k_store/index_k_store.h"
#include "core/ops/indexer_scores/indexer_scores.h"
#include "core/ops/indexer_topk/indexer_topk.h"
#include "core/ops/oracle/oracle.h"
#include "core/ops/topk_select/topk_select.h"
#include "tests/cases/indexer_data.h"
#include "tests/core/indexer_support.h"

namespace tamis::test {
namespace {

using cases::IndexerShape;

Tensor rows(const Tensor& tensor, std::int64_t first, std::int64_t count) {
  Tensor part = tensor;
  part.desc = slice(tensor.desc, 0, count);
  part.offset += slice_offset_bytes(tensor.desc, 0, first);
  return part;
}

// A prompt of `tokens` whose last token sees `keys`.
struct Prompt {
  IndexerShape shape;
  Tensor q, w, keys, sequence, pages, ke;

  Prompt(CpuRunner& runner, const IndexerShape& s)
      : shape(s),
        q(runner.filled(queries(s), 11)),
        w(runner.filled(head_weights(s), 12)),
        keys(runner.filled(index_cache(s, false), 13)),
        sequence(runner.filled(sequences(s))),
        pages(runner.filled(page_table(s))),
        ke(runner.filled(visible_keys(s))) {}

  IndexerScoresParams params() const { return {shape.format, true, shape.page_size, 0.1f, shape.max_keys}; }

  // Scores of tokens [first, first + count), as one call.
  std::vector<std::byte> score(CpuRunner& runner, std::int64_t first, std::int64_t count,
                               const char* family) const {
    const std::vector<Tensor> result =
        runner.run(op::indexer_scores, params(),
                   {rows(q, first, count), rows(w, first, count), Tensor{}, keys, Tensor{},
                    rows(sequence, first, count), pages, Tensor{}, rows(ke, first, count), wanted_output()},
                   family);
    return memory_of(result[indexer_scores_operand::kScores]);
  }
};

constexpr const char* kFamilies[] = {"portable", "openblas"};

TEST(IndexerInvariance, ChunkingAPromptKeepsEveryScoreBit) {
  for (const char* family : kFamilies) {
    for (const auto& [heads, dim] : {std::pair<std::int64_t, std::int64_t>{8, 32}, {64, 128}, {5, 24}}) {
      CpuRunner runner;
      const Prompt prompt(runner, {.tokens = 57, .heads = heads, .dim = dim, .keys = 290, .max_keys = 290});
      const std::vector<std::byte> whole = prompt.score(runner, 0, 57, family);
      for (const std::vector<std::int64_t>& chunks :
           {std::vector<std::int64_t>{17, 40}, {40, 17}, {1, 1, 55}, {33, 24}}) {
        std::vector<std::byte> joined;
        std::int64_t first = 0;
        for (std::int64_t count : chunks) {
          const std::vector<std::byte> part = prompt.score(runner, first, count, family);
          joined.insert(joined.end(), part.begin(), part.end());
          first += count;
        }
        EXPECT_EQ(joined, whole) << family << " heads " << heads << ", first chunk " << chunks[0];
      }
    }
  }
}

// The same sequence alone in ragged keys, and behind another one: its rows then start in the middle of what
// would be a tile if tiles followed rows instead of positions.
TEST(IndexerInvariance, ScoresDoNotDependOnWhereASequenceBegins) {
  constexpr std::int64_t kTokens = 9, kHeads = 8, kDim = 32, kKeys = 200, kBefore = 77;
  for (const char* family : kFamilies) {
    CpuRunner runner;
    const Tensor q =
        runner.filled({.desc = {DType::kF32, {kTokens, kHeads, kDim}}, .fill = cases::fill_normal()}, 1);
    const Tensor w =
        runner.filled({.desc = {DType::kF32, {kTokens, kHeads}}, .fill = cases::fill_normal()}, 2);
    const Tensor keys =
        runner.filled({.desc = {DType::kF32, {kBefore + kKeys, kDim}}, .fill = cases::fill_normal()}, 3);
    std::vector<std::vector<std::byte>> scores;
    for (std::int64_t start : {std::int64_t{0}, kBefore}) {
      const Tensor ks = runner.filled(
          {.desc = {DType::kI32, {kTokens}}, .fill = cases::fill_constant(static_cast<double>(start))});
      const Tensor ke = runner.filled({.desc = {DType::kI32, {kTokens}},
                                       .fill = cases::fill_constant(static_cast<double>(start + kKeys))});
      const Tensor own = start == 0 ? rows(keys, kBefore, kKeys) : keys;
      const IndexerScoresParams params{IndexFormat::kExact, false, 1, 0.1f, start + kKeys};
      const std::vector<Tensor> result =
          runner.run(op::indexer_scores, params,
                     {q, w, Tensor{}, own, Tensor{}, Tensor{}, Tensor{}, ks, ke, wanted_output()}, family);
      Tensor columns = result[indexer_scores_operand::kScores];
      std::vector<std::byte> visible;
      for (std::int64_t t = 0; t < kTokens; ++t) {
        const std::byte* row = columns.buffer->host() + (t * columns.desc.stride(0) + start) * 4;
        visible.insert(visible.end(), row, row + kKeys * 4);
      }
      scores.push_back(std::move(visible));
    }
    EXPECT_EQ(scores[0], scores[1]) << family;
  }
}

TEST(IndexerInvariance, SelectionOfATokenDoesNotDependOnItsBatch) {
  IndexerShape s{.tokens = 75, .heads = 8, .dim = 32, .keys = 500, .sequences = 3, .max_keys = 500};
  s.format = IndexFormat::kFp8Paged;
  const IndexerTopkParams params{s.format, s.page_size, 100, 0.1f, s.max_keys};
  for (const char* family : kFamilies) {
    CpuRunner runner;
    const Prompt prompt(runner, s);
    const auto select = [&](std::int64_t first, std::int64_t count) {
      return memory_of(
          runner.run(op::indexer_topk, params,
                     {rows(prompt.q, first, count), rows(prompt.w, first, count), Tensor{}, prompt.keys,
                      rows(prompt.sequence, first, count), prompt.pages, rows(prompt.ke, first, count),
                      wanted_output(), wanted_output(), wanted_output()},
                     family)[indexer_topk_operand::kIdx]);
    };
    const std::vector<std::byte> whole = select(0, s.tokens);
    for (std::int64_t t = 0; t < s.tokens; ++t) {
      const std::vector<std::byte> alone = select(t, 1);
      ASSERT_TRUE(std::equal(alone.begin(), alone.end(), whole.begin() + t * 400))
          << family << " token " << t;
    }
  }
}

// Row strides of 2^31 + 64 elements: row 2 starts behind 2^32.
TEST(IndexerLargeOffsets, TopkSelectReadsRowsPastTwoToThe31) {
  constexpr std::int64_t kStride = (std::int64_t{1} << 31) + 64, kRows = 3, kWidth = 500;
  CpuRunner runner;
  const TensorDesc desc = cases::strided(DType::kF32, {kRows, kWidth}, kStride);
  Tensor scores = runner.tensor(desc);
  if (scores.buffer->host() == nullptr)
    GTEST_SKIP() << "no address space for " << desc.span_bytes() << " bytes";
  cases::HostView view(desc, scores.buffer->host());
  for (std::int64_t t = 0; t < kRows; ++t)
    view.set(t * kWidth + 100 * t + 7, 1.0);  // one winner a row, the rest 0
  const Tensor ke = runner.filled({.desc = {DType::kI32, {kRows}}, .fill = cases::fill_constant(kWidth)});
  const std::vector<Tensor> result =
      runner.run(op::topk_select, TopkSelectParams{1},
                 {scores, Tensor{}, ke, wanted_output(), wanted_output()}, "portable");
  const auto* idx = reinterpret_cast<const std::int32_t*>(result[topk_select_operand::kIdx].buffer->host());
  for (int t = 0; t < kRows; ++t) EXPECT_EQ(idx[t], 100 * t + 7);
}

// A cache of 2^25 slots x 128 = 2^32 elements, written and read at its end; scores with rows 2^31 + 64 apart.
void store_and_score_at_the_end(IndexFormat format, const char* family) {
  constexpr std::int64_t kSlots = std::int64_t{1} << 25, kDim = 128, kPage = 64, kTokens = 3;
  constexpr std::int64_t kPages = kSlots / kPage;
  const bool fp8 = format == IndexFormat::kFp8Paged;
  CpuRunner runner;
  const Tensor cache = runner.tensor(fp8 ? TensorDesc(DType::kU8, {kPages, kPage * (kDim + 4)})
                                         : TensorDesc(DType::kBF16, {kSlots, kDim}));
  const TensorDesc out = cases::strided(DType::kF32, {kTokens, kTokens}, (std::int64_t{1} << 31) + 64);
  Tensor scores = runner.tensor(out);
  if (cache.buffer->host() == nullptr || scores.buffer->host() == nullptr) GTEST_SKIP() << "no address space";
  const DType dtype = fp8 ? DType::kE4M3 : DType::kF32;
  const Tensor k = runner.filled({.desc = {dtype, {kTokens, kDim}}, .fill = cases::fill_constant(0.5)});
  const Tensor scale =
      fp8 ? runner.filled({.desc = {DType::kF32, {kTokens}}, .fill = cases::fill_values({1, 2, 4})})
          : Tensor{};
  const double last = static_cast<double>(kSlots - kPage);
  const Tensor slot = runner.filled(
      {.desc = {DType::kI32, {kTokens}}, .fill = cases::fill_values({last, last + 1, last + 2})});
  runner.run(op::index_k_store, IndexKStoreParams{format, kPage}, {k, scale, slot, cache}, "portable");
  // Looked up here as well: a store and a score that cut the same offset would agree with each other.
  const std::int64_t last_page = fp8 ? (kPages - 1) * kPage * (kDim + 4) : (kSlots - kPage) * kDim * 2;
  for (std::int64_t i = 0; i < kTokens * kDim; ++i) {
    const DType stored = fp8 ? DType::kE4M3 : DType::kBF16;
    const std::byte* element =
        cache.buffer->host() + last_page + i * static_cast<std::int64_t>(dtype_size(stored));
    ASSERT_EQ(load_element(stored, element), 0.5) << i;
  }
  const Tensor q =
      runner.filled({.desc = {DType::kF32, {kTokens, 2, kDim}}, .fill = cases::fill_constant(0.25)});
  const Tensor w = runner.filled({.desc = {DType::kF32, {kTokens, 2}}, .fill = cases::fill_constant(1)});
  const Tensor pages =
      runner.filled({.desc = {DType::kI32, {1, 1}}, .fill = cases::fill_constant(kPages - 1)});
  const Tensor ke = runner.filled({.desc = {DType::kI32, {kTokens}}, .fill = cases::fill_constant(kTokens)});
  runner.run(op::indexer_scores, IndexerScoresParams{format, true, kPage, 1.0f, kTokens},
             {q, w, Tensor{}, cache, Tensor{}, Tensor{}, pages, Tensor{}, ke, scores}, family);
  cases::HostView view(out, scores.buffer->host());
  for (std::int64_t i = 0; i < kTokens * kTokens; ++i) {
    const double key_scale = fp8 ? static_cast<double>(1 << i % kTokens) : 1.0;
    EXPECT_EQ(view.get(i), 2 * 16 * key_scale) << i;  // 2 heads x 128 x 1/8
  }
}

TEST(IndexerLargeOffsets, ExactCacheBehindTwoToThe31Elements) {
  for (const char* family : kFamilies) store_and_score_at_the_end(IndexFormat::kExact, family);
}

TEST(IndexerLargeOffsets, PagedCacheBehindTwoToThe31Elements) {
  for (const char* family : kFamilies) store_and_score_at_the_end(IndexFormat::kFp8Paged, family);
}

// Ragged keys and queries with strides past 2^31 elements.
TEST(IndexerLargeOffsets, RaggedKeysAndQueriesFarApart) {
  constexpr std::int64_t kStride = (std::int64_t{1} << 31) + 16, kDim = 16, kKeys = 3, kTokens = 2;
  for (const char* family : kFamilies) {
    CpuRunner runner;
    const TensorDesc key_desc = cases::strided(DType::kE4M3, {kKeys, kDim}, kStride);
    TensorDesc q_desc(DType::kE4M3, {kTokens, 2, kDim});
    q_desc.strides = {2 * kStride, kStride, 1, 0};
    const Tensor keys = runner.tensor(key_desc), q = runner.tensor(q_desc);
    if (keys.buffer->host() == nullptr || q.buffer->host() == nullptr) GTEST_SKIP() << "no address space";
    cases::HostView key_view(key_desc, keys.buffer->host()), q_view(q_desc, q.buffer->host());
    for (std::int64_t i = 0; i < kKeys * kDim; ++i) key_view.set(i, static_cast<double>(1 + i / kDim));
    for (std::int64_t i = 0; i < kTokens * 2 * kDim; ++i) q_view.set(i, static_cast<double>(1 + i / kDim));
    const Tensor w =
        runner.filled({.desc = {DType::kF32, {kTokens, 2}}, .fill = cases::fill_values({1, 10})});
    const Tensor ke = runner.filled({.desc = {DType::kI32, {kTokens}}, .fill = cases::fill_constant(kKeys)});
    const std::vector<Tensor> result = runner.run(
        op::indexer_scores, IndexerScoresParams{IndexFormat::kExact, false, 1, 1.0f, kKeys},
        {q, w, Tensor{}, keys, Tensor{}, Tensor{}, Tensor{}, Tensor{}, ke, wanted_output()}, family);
    const auto* scores =
        reinterpret_cast<const float*>(result[indexer_scores_operand::kScores].buffer->host());
    for (int t = 0; t < kTokens; ++t) {
      for (int s = 0; s < kKeys; ++s) {
        const float heads = static_cast<float>(1 + 2 * t) + 10.0f * static_cast<float>(2 + 2 * t);
        EXPECT_EQ(scores[t * kKeys + s], heads * 16.0f * static_cast<float>(1 + s)) << family;
      }
    }
  }
}

}  // namespace
}  // namespace tamis::test
