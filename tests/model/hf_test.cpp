// Tiny random models of every family against transformers (tests/fixtures/README.md): logits, the residual
// stream layer by layer, greedy continuation; whole prompts and chunks; every form of attention. Correct
// float32 arithmetic in any order lands near 3e-6 of the fixtures' logits.
#include <algorithm>
#include <cmath>

#include "tests/model/model_fixture.h"

namespace tamis::model_tests {
namespace {

constexpr double kLogitTolerance = 3e-5;

ModelSetup hf_setup(const std::string& name) {
  ModelSetup setup{fixture_path("hf/" + name), {}, {}};
  setup.options.cache_tokens = 256;
  setup.options.max_batch_tokens = 192;
  setup.options.max_sequences = 2;
  return setup;
}

Expected hf_expected(const std::string& name) {
  return Expected(fixture_path("hf/" + name + "/expected.safetensors"));
}

// Random weights multiply errors as they multiply values.
double relative_difference(const std::vector<float>& actual, const std::vector<float>& expected) {
  double largest = 1;
  for (float value : expected) largest = std::max(largest, static_cast<double>(std::abs(value)));
  return max_difference(actual, expected) / largest;
}

// Names the first layer whose output differs.
void expect_hidden(const Scored& scored, const Expected& expected) {
  double worst = 0;
  for (std::size_t i = 0; i < scored.hidden.size(); ++i) {
    const double difference =
        relative_difference(scored.hidden[i], expected.floats(fmt::format("hidden_{}", i)));
    worst = std::max(worst, difference);
    if (difference <= kLogitTolerance) continue;
    const bool last = i + 1 == scored.hidden.size();
    ADD_FAILURE() << "hidden_" << i << ", the first to differ, does so by " << difference << ": look at "
                  << (i == 0 ? "the embedding" : "layer " + std::to_string(i - 1))
                  << (last ? " or the final norm" : "");
    break;
  }
  measured("hidden", worst);
}

struct HfCase {
  std::string name;
  std::vector<std::int64_t> chunks;
};
std::string case_name(const ::testing::TestParamInfo<HfCase>& info) {
  return info.param.name +
         (info.param.chunks.empty() ? "_whole" : fmt::format("_{}", fmt::join(info.param.chunks, "_")));
}
std::vector<HfCase> all_chunkings() {
  std::vector<HfCase> cases;
  for (const std::string& name : hf_cases()) {
    for (const std::vector<std::int64_t>& chunks : {std::vector<std::int64_t>{}, {40, 24, 1}, {7}}) {
      cases.push_back({name, chunks});
    }
  }
  return cases;
}

class Hf : public ::testing::TestWithParam<HfCase> {};

TEST_P(Hf, LogitsAndHiddenStates) {
  const auto& [name, chunks] = GetParam();
  const ModelSetup setup = hf_setup(name);
  const Expected expected = hf_expected(name);
  const TokenRows rows = expected.rows("input_ids");
  const Repro repro(setup, rows, chunks);
  const std::unique_ptr<Runner> runner = open_runner(setup);
  ScoreOptions options;
  options.chunks = chunks;
  options.all_hidden = true;
  const Scored scored = score(*runner, rows, options);
  ASSERT_EQ(static_cast<std::int64_t>(scored.hidden.size()), runner->config().n_layers + 1);
  expect_hidden(scored, expected);
  const double difference = max_difference(scored.logits, expected.floats("logits"));
  measured("logits", difference);
  EXPECT_LE(difference, kLogitTolerance);
}
INSTANTIATE_TEST_SUITE_P(Cases, Hf, ::testing::ValuesIn(all_chunkings()), case_name);

// Cases whose name begins with one of `families`.
std::vector<std::string> cases_of(const std::vector<std::string>& families) {
  std::vector<std::string> cases;
  for (const std::string& name : hf_cases()) {
    for (const std::string& family : families) {
      if (name.starts_with(family)) cases.push_back(name);
    }
  }
  return cases;
}

class HfModel : public ::testing::TestWithParam<std::string> {};
class HfSparse : public HfModel {};
class HfGlm : public HfModel {};
std::string model_name(const ::testing::TestParamInfo<std::string>& info) { return info.param; }
INSTANTIATE_TEST_SUITE_P(Cases, HfModel, ::testing::ValuesIn(hf_cases()), model_name);
INSTANTIATE_TEST_SUITE_P(Cases, HfSparse, ::testing::ValuesIn(cases_of({"deepseek_v32", "glm5"})),
                         model_name);
INSTANTIATE_TEST_SUITE_P(Cases, HfGlm, ::testing::ValuesIn(cases_of({"glm5"})), model_name);

// 40 tokens at once, then 24 drawn at temperature 0, one step each.
TEST_P(HfModel, GreedyContinuation) {
  const std::vector<std::int32_t> expected = hf_expected(GetParam()).ints("greedy");
  constexpr std::size_t kPrompt = 40;
  const std::unique_ptr<Runner> runner = open_runner(hf_setup(GetParam()));
  StepItem item;
  item.sequence = must(runner->new_sequence());
  item.tokens.assign(expected.begin(), expected.begin() + kPrompt);
  item.sample = SamplingConfig{};
  std::vector<std::int32_t> tokens = item.tokens;
  while (tokens.size() < expected.size()) {
    const StepResult result = must(runner->step({item}));
    EXPECT_EQ(result.tokens[0], static_cast<std::int32_t>(argmax(result.logits)))
        << "after " << tokens.size() << " tokens";
    tokens.push_back(result.tokens[0]);
    item.tokens = {tokens.back()};
  }
  EXPECT_EQ(tokens, expected);
}

// The same numbers from both forms: keys and values expanded through kv_b (a whole prompt) and absorbed
// (single tokens).
TEST_P(HfModel, DenseFormsAgree) {
  ModelSetup setup = hf_setup(GetParam());
  setup.options.attention = AttentionMode::kDense;
  const Expected expected = hf_expected(GetParam());
  const TokenRows rows = expected.rows("input_ids");
  const std::unique_ptr<Runner> expanding = open_runner(setup), absorbing = open_runner(setup);
  const Scored expanded = score(*expanding, rows);
  ScoreOptions single;
  single.chunks = {1};
  const Scored absorbed = score(*absorbing, rows, single);
  EXPECT_GT(count_nodes(*expanding, "mha_prefill"), 0);
  EXPECT_EQ(count_nodes(*expanding, "dense_mla"), 0);
  EXPECT_GT(count_nodes(*absorbing, "dense_mla"), 0);
  const double difference = max_difference(expanded.logits, absorbed.logits);
  measured("expanded against absorbed", difference);
  EXPECT_LE(difference, kLogitTolerance);
  if (expanding->config().is_dsa()) return;
  EXPECT_LE(max_difference(expanded.logits, expected.floats("logits")), kLogitTolerance);
  EXPECT_LE(max_difference(absorbed.logits, expected.floats("logits")), kLogitTolerance);
}

// With no more keys than index_topk the selection is everything; with more, it must tell.
TEST_P(HfSparse, IsDenseUpToTopk) {
  ModelSetup setup = hf_setup(GetParam());
  const std::unique_ptr<Runner> sparse = open_runner(setup);
  ASSERT_TRUE(sparse->config().is_dsa());
  setup.options.attention = AttentionMode::kDense;
  const std::unique_ptr<Runner> dense = open_runner(setup);
  TokenRows rows = hf_expected(GetParam()).rows("input_ids");
  const auto topk = static_cast<std::size_t>(sparse->config().indexer.topk);
  const bool selects = rows[0].size() > topk;
  if (selects) {
    const double difference = max_difference(score(*sparse, rows).logits, score(*dense, rows).logits);
    measured("beyond topk", difference);
    EXPECT_GT(difference, 1e-2);
  }
  for (std::vector<std::int32_t>& row : rows) row.resize(std::min(row.size(), topk));
  const double difference = max_difference(score(*sparse, rows).logits, score(*dense, rows).logits);
  measured("up to topk", difference);
  EXPECT_LE(difference, kLogitTolerance);
}

// transformers builds GLM's q_a and kv_a norms with eps 1e-6, not with rms_norm_eps = 1e-5.
TEST_P(HfGlm, LatentEpsMatters) {
  ModelSetup setup = hf_setup(GetParam());
  setup.config.glm_latent_eps = 1e-5;
  const std::unique_ptr<Runner> runner = open_runner(setup);
  ASSERT_EQ(runner->config().family, ModelFamily::kGlmDsa);
  const Expected expected = hf_expected(GetParam());
  const double difference =
      max_difference(score(*runner, expected.rows("input_ids")).logits, expected.floats("logits"));
  measured("latent eps 1e-5", difference);
  EXPECT_GT(difference, kLogitTolerance) << "the comparison of logits could not tell the two apart";
  EXPECT_LT(difference, 2e-4);
}

}  // namespace
}  // namespace tamis::model_tests
