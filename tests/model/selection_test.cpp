// The sparse path's known traps, as far as only a whole model shows them: which layers select, what a
// selection depends on, when index keys are written.
#include <algorithm>
#include <cstring>
#include <set>

#include "core/ops/sparse_mla/sparse_mla.h"
#include "tests/model/model_fixture.h"

namespace tamis::model_tests {
namespace {

ModelSetup setup_for(const std::string& folder) {
  ModelSetup setup{folder, {}, {}};
  setup.options.cache_tokens = 2048;
  setup.options.max_batch_tokens = 512;
  setup.options.max_sequences = 2;
  return setup;
}

// Selected positions of every indexer layer, for the whole prompt fed in these chunks: [T, topk] each.
std::map<std::int64_t, std::vector<std::int32_t>> select(Runner& runner,
                                                         const std::vector<std::int32_t>& prompt,
                                                         const std::vector<std::size_t>& chunks) {
  const SequenceId sequence = must(runner.new_sequence());
  std::map<std::int64_t, std::vector<std::int32_t>> indices;
  StepOptions options;
  options.all_hidden = true;
  std::size_t done = 0;
  for (std::size_t i = 0; done < prompt.size(); ++i) {
    const std::size_t n = std::min(chunks[std::min(i, chunks.size() - 1)], prompt.size() - done);
    const auto begin = prompt.begin() + static_cast<std::ptrdiff_t>(done);
    const StepResult result =
        advance(runner, sequence, {begin, begin + static_cast<std::ptrdiff_t>(n)}, options);
    for (const auto& [layer, rows] : result.indices) {
      indices[layer].insert(indices[layer].end(), rows.begin(), rows.end());
    }
    done += n;
  }
  runner.free_sequence(sequence);
  return indices;
}

// The fixtures have no tie near the k-th score, so rounding changes no selection there.
TEST(Selection, ChunkBordersDoNotChangeIt) {
  for (const char* name : {"deepseek_v32_yarn", "glm5_full", "glm5_index_cache"}) {
    SCOPED_TRACE(name);
    const std::unique_ptr<Runner> runner = open_runner(setup_for(fixture_path(std::string("hf/") + name)));
    const Expected expected(fixture_path(std::string("hf/") + name + "/expected.safetensors"));
    const std::vector<std::int32_t> prompt = expected.rows("input_ids")[0];
    const auto whole = select(*runner, prompt, {prompt.size()});
    ASSERT_FALSE(whole.empty());
    for (const std::vector<std::size_t>& chunks : {std::vector<std::size_t>{40, 24, 1}, {7}}) {
      EXPECT_EQ(select(*runner, prompt, chunks), whole);
    }
  }
}

// A trained model, more keys than topk, FP8 index keys with ties on purpose: equal sets need equal bits.
TEST(Selection, ChunkBordersDoNotChangeItUnderBatchInvariance) {
  const Expected expected(fixture_path("tiny-v32/expected.safetensors"));
  std::vector<std::int32_t> prompt = expected.ints("passkey0.ids");
  prompt.resize(300);
  for (const IndexFormat format : {IndexFormat::kExact, IndexFormat::kFp8Paged}) {
    ModelSetup setup = setup_for(tiny_v32_path());
    setup.options.precision.index_format = format;
    setup.options.plan.invariance = Invariance::kBatch;
    const std::unique_ptr<Runner> runner = open_runner(setup);
    const auto whole = select(*runner, prompt, {300});
    ASSERT_EQ(static_cast<std::int64_t>(whole.size()), runner->config().n_layers);
    EXPECT_EQ(select(*runner, prompt, {128, 1, 64, 63}), whole);
  }
}

// Ascending positions that the row may see, then -1; the number of them is min(visible, topk).
TEST(Selection, IsAscendingVisibleAndPaddedWithHoles) {
  const std::string folder = fixture_path("hf/deepseek_v32_yarn");
  const std::unique_ptr<Runner> runner = open_runner(setup_for(folder));
  const std::vector<std::int32_t> prompt = Expected(folder + "/expected.safetensors").rows("input_ids")[0];
  const auto topk = static_cast<std::size_t>(runner->config().indexer.topk);
  for (const auto& [layer, rows] : select(*runner, prompt, {prompt.size()})) {
    ASSERT_EQ(rows.size(), prompt.size() * topk);
    for (std::size_t t = 0; t < prompt.size(); ++t) {
      const std::span<const std::int32_t> row = std::span(rows).subspan(t * topk, topk);
      const std::size_t count = std::min(t + 1, topk);
      for (std::size_t i = 0; i < topk; ++i) {
        const bool fits = i >= count
                              ? row[i] == -1
                              : row[i] > (i == 0 ? -1 : row[i - 1]) && row[i] <= static_cast<std::int32_t>(t);
        ASSERT_TRUE(fits) << "layer " << layer << ", token " << t << ", entry " << i << ": " << row[i];
      }
    }
  }
}

// GLM's shared layers attend to the keys of the nearest full layer before them; pattern FFSSFS.
TEST(Selection, SharedLayersReuseTheNearestFullLayer) {
  const std::string folder = fixture_path("hf/glm5_index_cache");
  const std::unique_ptr<Runner> runner = open_runner(setup_for(folder));
  const std::vector<std::int32_t> prompt = Expected(folder + "/expected.safetensors").rows("input_ids")[0];
  std::set<std::int64_t> selecting;
  for (const auto& [layer, rows] : select(*runner, prompt, {prompt.size()})) selecting.insert(layer);
  EXPECT_EQ(selecting, (std::set<std::int64_t>{0, 1, 4}));
  std::vector<ValueId> slots;
  for (const PlannedNode& node : runner->plans().at(0)->nodes()) {
    if (std::string_view(node.node->op->name) == "sparse_mla") {
      slots.push_back(node.node->operands[sparse_mla_operand::kSlots]);
    }
  }
  ASSERT_EQ(slots.size(), 6u);
  EXPECT_EQ(slots[2], slots[1]);
  EXPECT_EQ(slots[3], slots[1]);
  EXPECT_EQ(slots[5], slots[4]);
  EXPECT_EQ(std::set<ValueId>(slots.begin(), slots.end()).size(), 3u);
}

// A dense step must store index keys as a sparse one does: a later step may be sparse.
TEST(Selection, DenseStepsWriteIndexKeys) {
  ModelSetup setup =
      setup_for(fixture_path("hf/deepseek_v32_dense_short"));  // sparse selects everything here
  setup.options.precision.index_format = IndexFormat::kFp8Paged;
  const std::vector<std::int32_t> prompt =
      Expected(setup.folder + "/expected.safetensors").rows("input_ids")[0];
  std::map<std::string, std::vector<std::byte>> keys[2];
  for (int dense = 0; dense < 2; ++dense) {
    setup.options.attention = dense == 1 ? AttentionMode::kDense : AttentionMode::kSparse;
    const std::unique_ptr<Runner> runner = open_runner(setup);
    const std::unique_ptr<Queue> queue = must(runner->device().create_queue());
    Bindings caches;
    runner->cache().bind(caches);
    for (const auto& [name, range] : caches.buffers)
      must(queue->fill(*range.buffer, 0, range.buffer->bytes(), 0));
    must(queue->sync());
    advance(*runner, must(runner->new_sequence()), prompt);
    for (std::int64_t layer = 0; layer < runner->config().n_layers; ++layer) {
      const BufferRange range = caches.buffers.at(index_cache_name(layer));
      std::vector<std::byte>& bytes = keys[dense][index_cache_name(layer)];
      bytes.resize(static_cast<std::size_t>(range.buffer->bytes()));
      must(queue->download(bytes, *range.buffer, 0));
      must(queue->sync());
    }
  }
  for (const auto& [name, sparse] : keys[0]) {
    std::size_t different = 0, written = 0;
    for (std::size_t i = 0; i < sparse.size(); ++i) {
      different += sparse[i] != keys[1][name][i] ? 1 : 0;
      written += sparse[i] != std::byte{0} ? 1 : 0;
    }
    EXPECT_GT(written, prompt.size() * 32 / 2) << name;
    // The two forms of attention round differently; a code near the middle of two may go the other way.
    EXPECT_LE(different, written / 100) << name << " of " << written;
  }
}

// Latents are read as the cache stores them in prefill, too. With FP8 rows a fresh, unrounded latent would be
// off by percents in every token of a chunk.
TEST(Selection, PrefillReadsTheCacheItWrites) {
  for (const char* name : {"deepseek_v3_plain", "deepseek_v32_yarn"}) {
    SCOPED_TRACE(name);
    ModelSetup setup = setup_for(fixture_path(std::string("hf/") + name));
    setup.options.precision.kv_format = KvFormat::kPackedFp8;
    const TokenRows rows = Expected(setup.folder + "/expected.safetensors").rows("input_ids");
    const std::unique_ptr<Runner> runner = open_runner(setup);
    const auto width = static_cast<std::size_t>(runner->config().vocab_size);
    const std::vector<float> whole = score(*runner, rows).logits;
    ScoreOptions single;
    single.chunks = {1};
    const std::vector<double> rows_off = row_differences(score(*runner, rows, single).logits, whole, width);
    measured(std::string(name) + " median over positions", median(rows_off));
    // A code that rounds the other way because of the last bit of a sum touches the positions after it.
    EXPECT_LE(median(rows_off), 1e-4);
    // And the format does matter: the same against an exact cache.
    setup.options.precision.kv_format = KvFormat::kPlain;
    const std::vector<float> exact = score(*open_runner(setup), rows).logits;
    EXPECT_GT(median(row_differences(exact, whole, width)), 1e-3);
  }
}

// The fixtures' correction bias is large enough that weights with the bias in them would fail the logits'
// tolerance.
TEST(Selection, FixturesHaveARouterBias) {
  for (const std::string& name : hf_cases()) {
    const std::unique_ptr<Checkpoint> checkpoint = must(Checkpoint::open(fixture_path("hf/" + name)));
    const CheckpointTensor* bias = must(checkpoint->find("model.layers.1.mlp.gate.e_score_correction_bias"));
    ASSERT_NE(bias, nullptr) << name;
    ASSERT_EQ(bias->dtype, DType::kF32);
    std::vector<float> values(bias->bytes.size() / 4);
    std::memcpy(values.data(), bias->bytes.data(), bias->bytes.size());
    EXPECT_GT(max_difference(values, std::vector<float>(values.size())), 0.01) << name;
  }
}

}  // namespace
}  // namespace tamis::model_tests
