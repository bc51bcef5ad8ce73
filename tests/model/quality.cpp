// tamis_quality: tiny-v32 in every numeric mode over 16 thousand held-out tokens and 40 pass-key prompts:
// what single logits do not show. Bounds are the measurements of models/tiny-v32/README.md.
//
//   tamis_quality                                    what CI runs: minutes of CPU time
//   tamis_quality --gtest_also_run_disabled_tests    all modes, all prompts
//   tamis_quality --device cuda …                    there; all of it takes 10 s on an H100
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

TEST(Perplexity, Exact) { EXPECT_NEAR(perplexity(tiny_setup({}, 2048)), kExactPerplexity, 0.05); }

TEST(Perplexity, Dense) {
  ModelSetup setup = tiny_setup({}, 2048);
  setup.options.attention = AttentionMode::kDense;
  EXPECT_NEAR(perplexity(setup), kDensePerplexity, 0.05);
}

std::string mode_name(const ::testing::TestParamInfo<std::string>& info) { return info.param; }

class PerplexityMode : public ::testing::TestWithParam<std::string> {};
INSTANTIATE_TEST_SUITE_P(Modes, PerplexityMode, ::testing::Values("all_three", "all_three_act_quant"),
                         mode_name);
INSTANTIATE_TEST_SUITE_P(DISABLED_Modes, PerplexityMode,
                         ::testing::Values("fp8_indexer", "fp8_cache", "bf16"), mode_name);

TEST_P(PerplexityMode, IsNearExact) {
  const TinyMode mode = tiny_mode(GetParam());
  EXPECT_NEAR(perplexity(tiny_setup(mode.precision, 2048)), kExactPerplexity,
              mode.perplexity * kExactPerplexity);
}

// The prompts of 1170 and 1970 tokens; tamis_model_tests has the one of 660.
class LongTail : public ::testing::TestWithParam<std::string> {};
INSTANTIATE_TEST_SUITE_P(Modes, LongTail, ::testing::Values("all_three", "all_three_act_quant"), mode_name);
INSTANTIATE_TEST_SUITE_P(DISABLED_Modes, LongTail, ::testing::Values("fp8_indexer", "fp8_cache", "bf16"),
                         mode_name);

TEST_P(LongTail, IsWithinBounds) {
  for (int prompt = 1; prompt < 3; ++prompt) expect_tail(tiny_mode(GetParam()), prompt);
}

// How many of the 20 prompts of a length are answered, greedily and to the last token.
int recalled(const std::string& mode, int length) {
  const Expected prompts(fixture_path("tiny-v32/passkeys.safetensors"));
  const std::unique_ptr<Runner> runner = open_runner(tiny_setup(tiny_mode(mode).precision, 4096));
  int right = 0;
  for (int i = 0; i < 20; ++i) {
    const std::string name = fmt::format("len{}.{:02}.", length, i);
    const std::vector<std::int32_t> answer = prompts.ints(name + "answer");
    right += greedy(*runner, prompts.ints(name + "prompt"), answer.size()) == answer ? 1 : 0;
  }
  measured(fmt::format("right of 20 at {} tokens", length), right);
  return right;
}

class Passkeys : public ::testing::TestWithParam<std::string> {};
INSTANTIATE_TEST_SUITE_P(Modes, Passkeys, ::testing::Values("all_three_act_quant"), mode_name);
INSTANTIATE_TEST_SUITE_P(DISABLED_Modes, Passkeys, ::testing::Values("exact", "all_three"), mode_name);

// Two keys in each. Exact arithmetic finds 36 of the 40; rounding may cost two.
TEST_P(Passkeys, AreRecalled) { EXPECT_GE(recalled(GetParam(), 1024) + recalled(GetParam(), 4000), 34); }

}  // namespace
}  // namespace tamis::model_tests
