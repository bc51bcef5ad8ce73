// `tamis parity model`: equal traces agree, planted differences are found where they were planted, files
// survive.
#include "core/engine/compare_traces.h"

#include <cmath>
#include <filesystem>
#include <fstream>

#include "tests/model/tiny_v32.h"

namespace tamis::model_tests {
namespace {

std::vector<std::int32_t> some_ids(std::int64_t n) {
  std::vector<std::int32_t> ids;
  for (std::int64_t i = 0; i < n; ++i) ids.push_back(static_cast<std::int32_t>(3 + i * 61 % 2800));
  return ids;
}

const ModelTrace& exact_trace() {  // 200 tokens: beyond the 128 keys that are selected
  static const ModelTrace trace = [] {
    const auto runner = open_runner(tiny_setup(tiny_mode("exact").precision, 512));
    return must(trace_model(*runner, {some_ids(200), {}, 4}));
  }();
  return trace;
}

TEST(CompareTraces, ChunksOfOneSequenceAgree) {
  const auto runner = open_runner(tiny_setup(tiny_mode("exact").precision, 512));
  const ModelTrace chunked = must(trace_model(*runner, {some_ids(200), {64, 17, 1, 30}, 4}));
  const TraceComparison same = must(compare_traces(chunked, exact_trace()));
  EXPECT_TRUE(same.agree(1e-4)) << comparison_text(same, 1e-4);
  EXPECT_EQ(same.first_greedy_divergence, -1);
  EXPECT_EQ(same.greedy_tokens, 4);
  EXPECT_EQ(same.hidden.size(), exact_trace().hidden.size());
  EXPECT_FALSE(same.indices.empty());
  for (const IndexDifference& layer : same.indices) EXPECT_EQ(layer.keys, 0) << "layer " << layer.layer;
}

TEST(CompareTraces, AnotherPrecisionDisagreesFromTheFirstLayerOn) {
  const auto runner = open_runner(tiny_setup(tiny_mode("all_three").precision, 512));
  const ModelTrace rough = must(trace_model(*runner, {some_ids(200), {}, 4}));
  const TraceComparison c = must(compare_traces(rough, exact_trace()));
  EXPECT_FALSE(c.agree(1e-4));
  EXPECT_LE(c.first_layer_over(1e-4), 1);
  EXPECT_NE(comparison_text(c, 1e-4).find("DISAGREE"), std::string::npos);
}

TEST(CompareTraces, PlantedDifferencesAreNamed) {
  ModelTrace changed = exact_trace();
  changed.hidden[2][static_cast<std::size_t>(7 * changed.width + 5)] += 1000;
  auto& [layer, indices] = *changed.indices.begin();
  const std::size_t k = indices.size() / changed.ids.size();
  indices[150 * k] = 199;  // token 150 cannot see it
  float* row = changed.logits.data() + 33 * changed.vocab;
  const auto worst = std::min_element(row, row + changed.vocab) - row;
  row[worst] = 1e4f;
  changed.greedy[2] += 1;
  const TraceComparison c = must(compare_traces(changed, exact_trace()));
  EXPECT_EQ(c.first_layer_over(1e-3), 2);
  EXPECT_EQ(c.hidden[2].worst_token, 7);
  EXPECT_NEAR(c.hidden[2].max_abs, 1000, 0.01);
  EXPECT_EQ(c.indices[0].layer, layer);
  EXPECT_EQ(c.indices[0].tokens, 1);
  EXPECT_EQ(c.indices[0].keys, 1);
  EXPECT_EQ(c.logits.worst_token, 33);
  ASSERT_EQ(c.choices.size(), 1u);
  EXPECT_EQ(c.choices[0].position, 33);
  EXPECT_EQ(c.choices[0].token_a, worst);
  EXPECT_EQ(c.first_greedy_divergence, 2);
  EXPECT_FALSE(c.agree(1e-3));
}

TEST(CompareTraces, SelectionsMayDifferWithinTheBandOfTheirScores) {
  const auto trace = [](std::vector<std::int32_t> keys, std::vector<float> scores) {
    ModelTrace t;
    t.ids = {7};
    t.vocab = t.width = 1;
    t.logits = {1};
    t.hidden = {{1}};
    t.indices[0] = std::move(keys);
    t.index_scores[0] = std::move(scores);
    return t;
  };
  const ModelTrace a = trace({0, 1, 4}, {5.0f, 3.0f, 1.25f});
  const auto against = [&](const ModelTrace& b) { return must(compare_traces(a, b)).indices.at(0); };
  const IndexDifference near = against(trace({0, 1, 6}, {5.0f, 3.25f, 1.5f}));
  EXPECT_EQ(near.keys, 1);
  EXPECT_TRUE(near.measured);
  EXPECT_DOUBLE_EQ(near.band, 0.25);
  EXPECT_DOUBLE_EQ(near.beyond, 0.25);  // key 6 passes a's worst score
  EXPECT_TRUE(near.explained());
  const ModelTrace far = trace({0, 1, 6}, {5.0f, 3.25f, 2.0f});
  EXPECT_FALSE(against(far).explained());
  EXPECT_FALSE(must(compare_traces(a, far)).agree(1));
  EXPECT_NE(comparison_text(must(compare_traces(a, far)), 1).find("more than rounding explains"),
            std::string::npos);
  EXPECT_FALSE(against(trace({0, 1, 6}, {5.0f, 3.0f, 1.25f})).explained());  // a tie, and nothing was rounded
  EXPECT_TRUE(against(trace({0, 1, 6}, {})).explained());                    // a file without scores
}

TEST(CompareTraces, NanIsNoAgreement) {
  ModelTrace changed = exact_trace();
  changed.logits[5] = std::nanf("");
  const TraceComparison c = must(compare_traces(changed, exact_trace()));
  EXPECT_TRUE(std::isinf(c.logits.normalised));
  EXPECT_FALSE(c.agree(1e30));
  EXPECT_TRUE(must(compare_traces(changed, changed)).agree(0));
}

TEST(CompareTraces, FilesCarryEverythingAndBrokenOnesAreRefused) {
  const std::string path = ::testing::TempDir() + "trace.safetensors";
  must(save_model_trace(path, exact_trace()));
  const ModelTrace loaded = must(load_model_trace(path));
  const TraceComparison c = must(compare_traces(loaded, exact_trace()));
  EXPECT_TRUE(c.agree(0));
  EXPECT_EQ(loaded.device, exact_trace().device);
  EXPECT_EQ(loaded.greedy, exact_trace().greedy);
  EXPECT_EQ(c.indices.size(), exact_trace().indices.size());
  EXPECT_EQ(loaded.index_scores, exact_trace().index_scores);
  EXPECT_EQ(loaded.index_scores.size(), loaded.indices.size());

  ModelTrace shorter = exact_trace();
  shorter.ids.pop_back();
  EXPECT_EQ(compare_traces(shorter, exact_trace()).status().code(), StatusCode::kInvalidArgument);
  ModelTrace fewer = exact_trace();
  fewer.hidden.pop_back();
  EXPECT_EQ(compare_traces(fewer, exact_trace()).status().code(), StatusCode::kInvalidArgument);
  std::filesystem::resize_file(path, 1000);
  EXPECT_FALSE(load_model_trace(path).ok());
  EXPECT_EQ(load_model_trace(tiny_v32_path() + "/model-00001-of-00002.safetensors").status().code(),
            StatusCode::kCorruptData);
  std::filesystem::remove(path);
}

}  // namespace
}  // namespace tamis::model_tests
