// What parity cases of `sample` cannot show: that many draws follow the distribution, that draws are
// independent, and that the integer weights are as exact as sampling.h says. All seeds are fixed, so a pass
// is a pass for ever; bounds are chi-square quantiles of 1e-4.
#include <gtest/gtest.h>

#include <cmath>

#include "core/numeric/philox.h"
#include "core/numeric/sampling.h"
#include "core/ops/sample/sample.h"
#include "tests/harness/run_op.h"

namespace tamis {
namespace {

using namespace sample_operand;

struct Settings {
  float temperature = 1;
  std::int32_t top_k = 0;
  float top_p = 1;
  float min_p = 0;
};

struct Draws {
  std::vector<std::int32_t> tokens;
  std::vector<float> logprobs;
};

// Row i draws from the same logits, at position `first_position + i`, on the CPU: parity holds the other
// backends to its tokens.
struct Sampler {
  std::vector<float> logits;
  Settings settings{};
  std::uint64_t seed = 1;
  std::int32_t first_position = 0;

  Draws draw(std::int64_t rows) const {
    const auto vocabulary = static_cast<std::int64_t>(logits.size());
    const std::vector<double> values(logits.begin(), logits.end());
    const auto setting = [rows](DType dtype, double value) {
      return cases::CaseOperand{.desc = {dtype, {rows}}, .fill = cases::fill_constant(value)};
    };
    const double low = static_cast<std::int32_t>(seed), high = static_cast<std::int32_t>(seed >> 32);
    const cases::Case test_case =
        cases::make_case("draws", SampleParams{},
                         {{.desc = {DType::kF32, {rows, vocabulary}}, .fill = cases::fill_values(values)},
                          setting(DType::kF32, settings.temperature),
                          setting(DType::kI32, settings.top_k),
                          setting(DType::kF32, settings.top_p),
                          setting(DType::kF32, settings.min_p),
                          setting(DType::kF32, 1),
                          setting(DType::kF32, 0),
                          setting(DType::kF32, 0),
                          cases::absent(),
                          {.desc = {DType::kI32, {rows, 2}}, .fill = cases::fill_values({low, high})},
                          {.desc = {DType::kI32, {rows}}, .fill = cases::fill_iota(first_position)},
                          cases::output(),
                          cases::output()});
    Result<harness::Outputs> outputs = harness::run_row("cpu.sample.portable", test_case);
    EXPECT_TRUE(outputs.ok()) << outputs.status().message();
    if (!outputs.ok()) return {};
    const std::vector<double>&tokens = (*outputs)[kToken], &logprobs = (*outputs)[kLogprob];
    return {{tokens.begin(), tokens.end()}, {logprobs.begin(), logprobs.end()}};
  }
};

std::vector<double> softmax(const std::vector<float>& logits, double temperature) {
  std::vector<double> p;
  double total = 0;
  for (float logit : logits) total += p.emplace_back(std::exp(logit / temperature));
  for (double& value : p) value /= total;
  return p;
}

// Sum over the tokens of (drawn - expected)^2 / expected; a token of probability 0 must not be drawn.
double chi_square(const std::vector<std::int32_t>& tokens, const std::vector<double>& p) {
  std::vector<double> drawn(p.size(), 0);
  for (std::int32_t token : tokens) drawn[static_cast<std::size_t>(token)] += 1;
  double sum = 0;
  for (std::size_t i = 0; i < p.size(); ++i) {
    const double expected = p[i] * static_cast<double>(tokens.size());
    if (expected == 0) {
      EXPECT_EQ(drawn[i], 0) << "token " << i;
    } else {
      sum += (drawn[i] - expected) * (drawn[i] - expected) / expected;
    }
  }
  return sum;
}

const std::vector<float> kLogits{1.5f, -0.3f, 0.0f, 2.0f, 0.9f, -1.2f, 2.0f, 0.4f, -2.0f, 1.1f};
constexpr std::int64_t kDraws = 40000;
constexpr double kChi9 = 33.7;  // 1e-4 quantile at 9 degrees of freedom; fewer have a smaller one

TEST(Sample, DrawsFollowTheSoftmax) {
  for (float temperature : {0.5f, 1.0f, 3.0f}) {
    const Draws draws =
        Sampler{.logits = kLogits, .settings = {.temperature = temperature}, .seed = 7}.draw(kDraws);
    EXPECT_LT(chi_square(draws.tokens, softmax(kLogits, temperature)), kChi9)
        << "temperature " << temperature;
  }
}

TEST(Sample, AllBitsOfTheSeedCount) {
  for (std::uint64_t seed :
       {std::uint64_t{0}, std::uint64_t{1} << 31, std::uint64_t{1} << 32, ~std::uint64_t{0}}) {
    const Draws draws = Sampler{.logits = kLogits, .seed = seed}.draw(kDraws);
    EXPECT_LT(chi_square(draws.tokens, softmax(kLogits, 1)), kChi9) << "seed " << seed;
    const Draws other = Sampler{.logits = kLogits, .seed = seed ^ (std::uint64_t{1} << 32)}.draw(kDraws);
    EXPECT_NE(draws.tokens, other.tokens);
  }
}

TEST(Sample, FilteredDrawsFollowWhatIsLeft) {
  // By probability: 3 and 6 (tied), 0, 9, 4, 7, 2, …
  const std::vector<double> p = softmax(kLogits, 1);
  const auto keep = [&](std::initializer_list<std::size_t> ids) {
    std::vector<double> left(p.size(), 0);
    double total = 0;
    for (std::size_t id : ids) total += p[id];
    for (std::size_t id : ids) left[id] = p[id] / total;
    return left;
  };
  const double two = p[3] + p[6];
  const auto draw = [](const Settings& s) {
    return Sampler{.logits = kLogits, .settings = s, .seed = 3}.draw(kDraws).tokens;
  };
  EXPECT_LT(chi_square(draw({.top_k = 1}), keep({3})), kChi9);
  EXPECT_LT(chi_square(draw({.top_k = 4}), keep({3, 6, 0, 9})), kChi9);
  EXPECT_LT(chi_square(draw({.top_p = static_cast<float>(two - 0.01)}), keep({3, 6})), kChi9);
  EXPECT_LT(chi_square(draw({.top_p = static_cast<float>(two + 0.01)}), keep({3, 6, 0})), kChi9);
  EXPECT_LT(chi_square(draw({.min_p = static_cast<float>(p[9] / p[3] * 0.99)}), keep({3, 6, 0, 9})), kChi9);
  EXPECT_LT(chi_square(draw({.min_p = static_cast<float>(p[9] / p[3] * 1.01)}), keep({3, 6, 0})), kChi9);
  // top-p counts what top-k left: half of three tokens' mass is reached by the first two.
  EXPECT_LT(chi_square(draw({.top_k = 3, .top_p = 0.5f}), keep({3, 6})), kChi9);
}

TEST(Sample, ConsecutivePositionsAreIndependent) {
  const std::vector<float> flat(4, 0.0f);
  const Draws draws = Sampler{.logits = flat, .seed = 11}.draw(kDraws);
  std::vector<std::int32_t> pairs;
  for (std::size_t i = 0; i + 1 < draws.tokens.size(); i += 2)
    pairs.push_back(draws.tokens[i] * 4 + draws.tokens[i + 1]);
  EXPECT_LT(chi_square(pairs, std::vector<double>(16, 1.0 / 16)), 44.3);  // 15 degrees of freedom
}

TEST(Sample, TokenDependsOnSeedAndPositionAlone) {
  const Sampler sampler{.logits = kLogits, .seed = 5};
  const Draws all = sampler.draw(100);
  for (std::int32_t i = 0; i < 100; i += 9) {
    Sampler one = sampler;
    one.first_position = i;
    EXPECT_EQ(one.draw(1).tokens[0], all.tokens[static_cast<std::size_t>(i)]);
  }
}

TEST(Sample, LogprobIsOfTheFinalDistribution) {
  const Draws draws = Sampler{.logits = kLogits, .settings = {.temperature = 0.7f, .top_k = 2}}.draw(20);
  for (float logprob : draws.logprobs) EXPECT_NEAR(logprob, std::log(0.5), 1e-6);
  const Draws plain = Sampler{.logits = kLogits}.draw(50);
  const std::vector<double> p = softmax(kLogits, 1);
  for (std::size_t i = 0; i < 50; ++i) {
    EXPECT_NEAR(plain.logprobs[i], std::log(p[static_cast<std::size_t>(plain.tokens[i])]), 1e-6);
  }
}

// The least and the largest random number: the first and the last kept token, never one of weight 0.
TEST(Sample, EndsOfTheDraw) {
  const std::uint64_t total = 5 * numeric::kWeightOne + 3;
  EXPECT_EQ(numeric::scale24(total, 0), 0u);
  EXPECT_LT(numeric::scale24(total, (1u << 24) - 1), total);
  EXPECT_EQ(numeric::scale24(total, 1u << 23), total / 2);
  // A row whose position draws a small u: first token of weight 0 must be skipped even at sum 0.
  std::vector<float> logits(3, 0.0f);
  logits[0] = -1000.0f;
  for (std::int32_t token : Sampler{.logits = logits, .seed = 2}.draw(kDraws).tokens) ASSERT_NE(token, 0);
}

TEST(Sample, WeightsAreExponentials) {
  double previous = static_cast<double>(numeric::kWeightOne);
  for (int i = 0; i < 280000; ++i) {
    const float logit = static_cast<float>(-i * 1e-4);
    const double weight = static_cast<double>(numeric::sample_weight(0.0f, logit, 1.0f));
    const double exact = std::exp(static_cast<double>(logit)) * static_cast<double>(numeric::kWeightOne);
    ASSERT_NEAR(weight, exact, exact * 1e-8 + 1.0) << "logit " << logit;
    ASSERT_LE(weight, previous) << "logit " << logit;
    previous = weight;
  }
  EXPECT_EQ(numeric::sample_weight(0.0f, 0.0f, 1e-30f), numeric::kWeightOne);
  EXPECT_EQ(numeric::sample_weight(0.0f, -28.0f, 1.0f), 0u);
  EXPECT_EQ(numeric::sample_weight(numeric::kLargestFloat, -numeric::kLargestFloat, 1.0f), 0u);
  EXPECT_EQ(numeric::sample_weight(1.0f, -HUGE_VALF, HUGE_VALF), 0u);
}

// Bits that every backend must reproduce.
TEST(Sample, GoldenBits) {
  EXPECT_EQ(numeric::sample_weight(2.0f, 1.0f, 1.0f), 404487723264u);
  EXPECT_EQ(numeric::sample_weight(3.25f, -1.5f, 0.7f), 1242228549u);
  EXPECT_EQ(numeric::top_p_sum(1000, 0.5f), 500u);
  EXPECT_EQ(numeric::top_p_sum(1001, 0.5f), 501u);
  EXPECT_EQ(numeric::top_p_sum(1000, 1e-9f), 1u);
  EXPECT_EQ(numeric::min_p_weight(0.5f), numeric::kWeightOne / 2);
  EXPECT_EQ(numeric::penalised_logit(3.0f, 2, {1.5f, 0.25f, 0.5f}), 0.75f);
  EXPECT_EQ(numeric::penalised_logit(-3.0f, 2, {1.5f, 0.25f, 0.5f}), -5.75f);
  EXPECT_EQ(numeric::penalised_logit(3.0f, 0, {1.5f, 0.25f, 0.5f}), 3.0f);
}

}  // namespace
}  // namespace tamis
