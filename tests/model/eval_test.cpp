// The evaluations themselves: what a window is, how a pass-key prompt is made, what counts as right.
#include <algorithm>
#include <cmath>
#include <fstream>
#include <sstream>

#include "core/engine/passkey.h"
#include "core/engine/perplexity.h"
#include "tests/model/tiny_v32.h"

namespace tamis::model_tests {
namespace {

ModelSetup hf_setup() {
  ModelSetup setup{fixture_path("hf/deepseek_v32_yarn"), {}, {}};
  setup.options.cache_tokens = 256;
  setup.options.max_batch_tokens = 16;  // a window takes more than one step
  return setup;
}
TokenRows hf_rows() {
  return Expected(fixture_path("hf/deepseek_v32_yarn/expected.safetensors")).rows("input_ids");
}

// By hand from the fixture's logits, which were computed from position 0: the first window of 40 in each row
// of 96.
TEST(Perplexity, IsTheMeanOverTheTargetsOfWholeWindows) {
  const std::unique_ptr<Runner> runner = open_runner(hf_setup());
  const auto vocab = static_cast<std::size_t>(runner->config().vocab_size);
  TokenRows rows = hf_rows();
  for (std::vector<std::int32_t>& row : rows) row.resize(79);  // 40 + 38 targets: no second window
  PerplexityOptions options;
  options.window = 40;
  const PerplexityResult result = must(measure_perplexity(*runner, rows, options));
  double nll = 0;
  for (const std::vector<std::int32_t>& row : rows) {
    const Scored scored = score(*runner, {{row.begin(), row.begin() + 40}});
    for (std::size_t i = 0; i < 40; ++i) {
      double sum = 0;
      for (std::size_t v = 0; v < vocab; ++v)
        sum += std::exp(static_cast<double>(scored.logits[i * vocab + v]));
      nll += std::log(sum) - scored.logits[i * vocab + static_cast<std::size_t>(row[i + 1])];
    }
  }
  EXPECT_EQ(result.windows, 2);
  EXPECT_EQ(result.tokens, 80);
  EXPECT_NEAR(result.nll, nll / 80, 1e-5);
  EXPECT_NEAR(result.perplexity(), std::exp(nll / 80), 1e-2);
}

TEST(Perplexity, CountsWindows) {
  const std::unique_ptr<Runner> runner = open_runner(hf_setup());
  PerplexityOptions options;
  options.window = 19;  // 95 targets are five windows
  std::vector<std::int64_t> seen;
  options.progress = [&](std::int64_t done, std::int64_t total) {
    seen.push_back(done);
    EXPECT_EQ(total, 5);
  };
  EXPECT_EQ(must(measure_perplexity(*runner, {hf_rows()[0]}, options)).windows, 5);
  EXPECT_EQ(seen, (std::vector<std::int64_t>{1, 2, 3, 4, 5}));
}

TEST(Perplexity, RefusesWhatItCannotScore) {
  const std::unique_ptr<Runner> runner = open_runner(hf_setup());
  PerplexityOptions options;
  options.window = 96;
  EXPECT_EQ(measure_perplexity(*runner, hf_rows(), options).status().code(), StatusCode::kInvalidArgument);
  options.window = 0;
  EXPECT_EQ(measure_perplexity(*runner, hf_rows(), options).status().code(), StatusCode::kInvalidArgument);
  options.window = 4;
  EXPECT_EQ(measure_perplexity(*runner, {{1, 2, 3, 4, 256}}, options).status().code(),
            StatusCode::kInvalidArgument);
  EXPECT_EQ(measure_perplexity(*runner, {}, options).status().code(), StatusCode::kInvalidArgument);
}

class Passkey : public ::testing::Test {
 protected:
  static std::string filler() {
    std::ifstream file(tiny_v32_path() + "/heldout.txt");
    std::stringstream text;
    text << file.rdbuf();
    return text.str();
  }
  static std::size_t count(const std::string& text, const std::string& part) {
    std::size_t n = 0;
    for (std::size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++n;
    return n;
  }
  const Tokenizer tokenizer_ = must(Tokenizer::from_file(tiny_v32_path()));
  const PasskeyWriter writer_ = must(PasskeyWriter::create(tokenizer_, filler(), 0));
};

TEST_F(Passkey, PromptHoldsTheKeysAndTheQuestion) {
  for (std::uint64_t sample = 0; sample < 20; ++sample) {
    for (const std::int64_t length : {100, 1024, 4000}) {
      const PasskeyPrompt prompt = must(writer_.write({length, 2, 0, sample}));
      EXPECT_LE(static_cast<std::int64_t>(prompt.tokens.size()), length);
      EXPECT_GT(static_cast<std::int64_t>(prompt.tokens.size()), length - 250)
          << "the longest sentences have 200 tokens";
      EXPECT_EQ(prompt.tokens[0], 0);
      const std::string text = must(tokenizer_.decode(prompt.tokens));
      EXPECT_EQ(count(text, "Remember it: "), 2u);
      const std::size_t question = text.find("\n\nWhat is the pass key of ");
      ASSERT_NE(question, std::string::npos) << text;
      const std::string tail = text.substr(question);
      const std::string name = tail.substr(26, tail.find('?') - 26);
      EXPECT_EQ(tail, "\n\nWhat is the pass key of " + name + "? The pass key of " + name + " is");
      const std::string number = prompt.answer.substr(1, 5);
      EXPECT_EQ(prompt.answer, " " + number + ".");
      EXPECT_EQ(count(text, "\n The pass key of " + name + " is " + number + ". Remember it: " + number +
                                " is the pass key of " + name + ".\n") +
                    count(text, "> The pass key of " + name + " is " + number),
                1u)
          << text;
    }
  }
}

TEST_F(Passkey, SeedAndSampleDecideThePrompt) {
  const auto write = [&](std::uint64_t seed, std::uint64_t sample) {
    return must(writer_.write({300, 2, seed, sample})).tokens;
  };
  EXPECT_EQ(write(0, 0), write(0, 0));
  EXPECT_NE(write(0, 0), write(0, 1));
  EXPECT_NE(write(0, 0), write(1, 0));
}

TEST_F(Passkey, RefusesWhatCannotBeWritten) {
  EXPECT_EQ(writer_.write({40, 2, 0, 0}).status().code(), StatusCode::kInvalidArgument);
  EXPECT_EQ(writer_.write({1000, 0, 0, 0}).status().code(), StatusCode::kInvalidArgument);
  EXPECT_EQ(writer_.write({1000, 17, 0, 0}).status().code(), StatusCode::kInvalidArgument);
  EXPECT_EQ(PasskeyWriter::create(tokenizer_, " \n ", 0).status().code(), StatusCode::kInvalidArgument);
}

// On a prompt whose answer is known: right, and not right when another number is expected.
TEST_F(Passkey, RightIsTheNumberAndTheFullStop) {
  const Expected prompts(fixture_path("tiny-v32/passkeys.safetensors"));
  const std::unique_ptr<Runner> runner = open_runner(tiny_setup({}, 1088));
  PasskeyPrompt prompt{prompts.ints("len1024.00.prompt"),
                       must(tokenizer_.decode(prompts.ints("len1024.00.answer")))};
  EXPECT_EQ(prompt.answer, " 78101.");
  EXPECT_TRUE(must(answers_passkey(*runner, tokenizer_, prompt)));
  prompt.answer = " 78102.";
  EXPECT_FALSE(must(answers_passkey(*runner, tokenizer_, prompt)));
}

// Of at least 256 tokens, twice index_topk; short enough for a device that is emulated.
TEST_F(Passkey, IsRecalledFromAShortPrompt) {
  const PasskeyPrompt prompt = must(writer_.write({288, 1, 0, 0}));
  ASSERT_GE(prompt.tokens.size(), 256u);
  EXPECT_TRUE(must(answers_passkey(*open_runner(tiny_setup({}, 320)), tokenizer_, prompt)));
}

}  // namespace
}  // namespace tamis::model_tests
