// tiny-v32 against float64 arithmetic on the dequantised weights: exact to float32 rounding, and every
// reduced precision within what two independent implementations measured (models/tiny-v32/README.md).
#include "tests/model/tiny_v32.h"

#include <algorithm>

namespace tamis::model_tests {
namespace {

class TinyText : public ::testing::TestWithParam<int> {};
INSTANTIATE_TEST_SUITE_P(Texts, TinyText, ::testing::Range(0, 4));

TEST_P(TinyText, LogitsAndDrafts) {
  const std::string text = fmt::format("text{}.", GetParam());
  const Expected expected = tiny_expected();
  const TokenRows rows{expected.ints(text + "ids")};
  const ModelSetup setup = tiny_setup({}, 64);
  const Repro repro(setup, rows);
  const std::unique_ptr<Runner> runner = open_runner(setup);
  ScoreOptions options;
  options.mtp = true;
  const Scored scored = score(*runner, rows, options);
  const double logits = max_difference(scored.logits, expected.floats(text + "logits"));
  const double drafts = max_difference(scored.mtp_logits, expected.floats(text + "mtp_logits"));
  measured("logits", logits);
  measured("mtp_logits", drafts);
  EXPECT_LE(logits, 5e-4);
  EXPECT_LE(drafts, 5e-4);
}

// The same drafts when both passes go through the caches in pieces.
TEST_P(TinyText, DraftsInChunks) {
  const std::string text = fmt::format("text{}.", GetParam());
  const Expected expected = tiny_expected();
  const std::unique_ptr<Runner> runner = open_runner(tiny_setup({}, 64));
  ScoreOptions options;
  options.mtp = true;
  options.chunks = {3, 1};
  const Scored scored = score(*runner, {expected.ints(text + "ids")}, options);
  EXPECT_LE(max_difference(scored.mtp_logits, expected.floats(text + "mtp_logits")), 5e-4);
}

// The expected distance of the best token from the second best.
double top2_gap(std::span<const float> row) {
  std::vector<float> sorted(row.begin(), row.end());
  std::partial_sort(sorted.begin(), sorted.begin() + 2, sorted.end(), std::greater<>());
  return static_cast<double>(sorted[0]) - sorted[1];
}

class TinyTail : public ::testing::TestWithParam<int> {};
INSTANTIATE_TEST_SUITE_P(Prompts, TinyTail, ::testing::Range(0, 3));

// A near-tie in a selection may fall the other way in float32: at most 2 positions of 64 may differ by more.
TEST_P(TinyTail, Exact) {
  const Expected expected = tiny_expected();
  const ModelSetup setup = tiny_setup({}, 2048);
  const Repro repro(setup, {expected.ints(fmt::format("passkey{}.ids", GetParam()))});
  const std::unique_ptr<Runner> runner = open_runner(setup);
  const Tail tail = run_tail(*runner, GetParam());
  measured("median", median(tail.differences));
  measured("largest", *std::max_element(tail.differences.begin(), tail.differences.end()));
  EXPECT_LE(median(tail.differences), 2e-4);
  EXPECT_GE(
      std::count_if(tail.differences.begin(), tail.differences.end(), [](double d) { return d <= 1e-2; }),
      62);
  const auto vocab = static_cast<std::size_t>(runner->config().vocab_size);
  for (std::size_t i = 0; i < kTail; ++i) {
    const std::span<const float> wanted = std::span(tail.expected).subspan(i * vocab, vocab);
    if (top2_gap(wanted) <= 0.05) continue;
    EXPECT_EQ(argmax(std::span(tail.logits).subspan(i * vocab, vocab)), argmax(wanted))
        << "position " << i << " of the tail";
  }
  // `ids` ends with all of the answer but its last token: the last argmaxes are the answer.
  const std::vector<std::int32_t> answer = expected.ints(fmt::format("passkey{}.answer", GetParam()));
  for (std::size_t i = 0; i < answer.size(); ++i) {
    const std::span<const float> row =
        std::span(tail.logits).subspan((kTail - answer.size() + i) * vocab, vocab);
    EXPECT_EQ(argmax(row), static_cast<std::size_t>(answer[i])) << "token " << i << " of the answer";
  }
}

// The answer, drawn token by token.
TEST(TinyGreedy, GivesThePassKey) {
  const Expected expected = tiny_expected();
  std::vector<std::int32_t> prompt = expected.ints("passkey0.ids");
  const std::vector<std::int32_t> answer = expected.ints("passkey0.answer");
  prompt.resize(prompt.size() - (answer.size() - 1));
  EXPECT_EQ(greedy(*open_runner(tiny_setup({}, 2048)), prompt, answer.size()), answer);
}

std::vector<std::string> reduced_modes() {
  std::vector<std::string> names;
  for (const TinyMode& mode : tiny_modes()) {
    if (mode.name != "exact") names.push_back(mode.name);
  }
  return names;
}

// The other two prompts: tamis_quality.
class TinyModeTail : public ::testing::TestWithParam<std::string> {};
INSTANTIATE_TEST_SUITE_P(Modes, TinyModeTail, ::testing::ValuesIn(reduced_modes()),
                         [](const auto& info) { return info.param; });

TEST_P(TinyModeTail, IsWithinBounds) { expect_tail(tiny_mode(GetParam()), 0); }

}  // namespace
}  // namespace tamis::model_tests
