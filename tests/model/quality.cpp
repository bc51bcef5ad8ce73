// Quality of tiny-v32 in every numeric mode over 16 thousand held-out tokens and 40 pass-key prompts: what
// single logits do not show. Bounds are the measurements of models/tiny-v32/README.md.
#include <cmath>

#include "core/engine/perplexity.h"
#include "tests/model/tiny_v32.h"

namespace tamis::model_tests {
namespace {

constexpr double kExactPerplexity = 27.261, kDensePerplexity = 27.525;

double perplexity(const ModelSetup& setup) {
  const PerplexityResult result =
      must(measure_perplexity(*open_runner(setup), {tiny_expected().ints("heldout.ids")}));
  EXPECT_EQ(result.windows, 8);
  EXPECT_EQ(result.tokens, 16384);
  measured("perplexity", result.perplexity());
  measured("seconds", result.seconds);
  return result.perplexity();
}

TEST(SlowPerplexity, Exact) { EXPECT_NEAR(perplexity(tiny_setup({}, 2048)), kExactPerplexity, 0.05); }

TEST(SlowPerplexity, Dense) {
  ModelSetup setup = tiny_setup({}, 2048);
  setup.options.attention = AttentionMode::kDense;
  EXPECT_NEAR(perplexity(setup), kDensePerplexity, 0.05);
}

std::string mode_name(const ::testing::TestParamInfo<std::string>& info) { return info.param; }

class SlowPerplexityMode : public ::testing::TestWithParam<std::string> {};
INSTANTIATE_TEST_SUITE_P(Modes, SlowPerplexityMode,
                         ::testing::Values("fp8_indexer", "fp8_cache", "bf16", "all_three",
                                           "all_three_act_quant"),
                         mode_name);

TEST_P(SlowPerplexityMode, IsNearExact) {
  const TinyMode mode = tiny_mode(GetParam());
  EXPECT_NEAR(perplexity(tiny_setup(mode.precision, 2048)), kExactPerplexity,
              mode.perplexity * kExactPerplexity);
}

class SlowPasskeys : public ::testing::TestWithParam<std::string> {};
INSTANTIATE_TEST_SUITE_P(Modes, SlowPasskeys, ::testing::Values("exact", "all_three", "all_three_act_quant"),
                         mode_name);

// 20 prompts of 1024 and 20 of 4000 tokens with two keys each. Exact arithmetic finds 36; rounding may cost
// two.
TEST_P(SlowPasskeys, AreRecalled) {
  const Expected prompts(fixture_path("tiny-v32/passkeys.safetensors"));
  const std::unique_ptr<Runner> runner = open_runner(tiny_setup(tiny_mode(GetParam()).precision, 4096));
  int right[2] = {0, 0};
  for (int length = 0; length < 2; ++length) {
    for (int i = 0; i < 20; ++i) {
      const std::string name = fmt::format("len{}.{:02}.", length == 0 ? 1024 : 4000, i);
      const std::vector<std::int32_t> answer = prompts.ints(name + "answer");
      right[length] += greedy(*runner, prompts.ints(name + "prompt"), answer.size()) == answer ? 1 : 0;
    }
  }
  measured("right of 20 at 1024 tokens", right[0]);
  measured("right of 20 at 4000 tokens", right[1]);
  EXPECT_GE(right[0] + right[1], 34);
}

}  // namespace
}  // namespace tamis::model_tests
