#include <algorithm>
#include <cmath>
#include <limits>

#include "core/numeric/philox.h"
#include "core/ops/oracle/oracle.h"
#include "core/ops/sample/sample.h"

namespace tamis {
namespace {

using namespace sample_operand;

struct Candidate {
  std::int64_t id;
  double logit;
  double p;  // relative to the best token
};

double penalised(OracleCall& call, std::int64_t row, std::int64_t id) {
  double logit = call.get(kLogits, {row, id});
  const double count = call.has(kCounts) ? call.get(kCounts, {row, id}) : 0.0;
  if (count > 0) {
    const double repetition = call.get(kRepetition, {row});
    logit = logit > 0 ? logit / repetition : logit * repetition;
    logit -= call.get(kFrequency, {row}) * count + call.get(kPresence, {row});
    logit = round_to(DType::kF32, logit);
  }
  if (std::isnan(logit)) return -std::numeric_limits<double>::infinity();
  return std::min(logit, static_cast<double>(std::numeric_limits<float>::max()));
}

double mass(const std::vector<Candidate>& tokens) {
  double total = 0;
  for (const Candidate& c : tokens) total += c.p;
  return total;
}

// Steps 3 to 5 on tokens sorted best first.
void filter(OracleCall& call, std::int64_t row, std::vector<Candidate>& tokens) {
  const std::int64_t k = call.get_int(kTopK, {row});
  if (k >= 1 && k < static_cast<std::int64_t>(tokens.size())) tokens.resize(static_cast<std::size_t>(k));
  const double top_p = call.get(kTopP, {row}), min_p = call.get(kMinP, {row});
  if (top_p < 1) {
    const double wanted = top_p * mass(tokens);
    double sum = tokens[0].p;
    std::size_t kept = 1;
    while (kept < tokens.size() && sum < wanted) sum += tokens[kept++].p;
    tokens.resize(kept);
  }
  if (min_p > 0) {
    const double least = std::min(min_p, 1.0) * tokens[0].p;
    std::erase_if(tokens, [least](const Candidate& c) { return c.p < least; });
  }
}

double uniform(OracleCall& call, std::int64_t row) {
  const auto low = static_cast<std::uint32_t>(call.get_int(kSeed, {row, 0}));
  const auto high = static_cast<std::uint32_t>(call.get_int(kSeed, {row, 1}));
  const std::uint64_t seed = (static_cast<std::uint64_t>(high) << 32) | low;
  const auto position = static_cast<std::uint32_t>(call.get_int(kPosition, {row}));
  return numeric::uniform24(numeric::philox4x32_10(seed, position, 0).v[0]);
}

Candidate draw(OracleCall& call, std::int64_t row, std::vector<Candidate> tokens) {
  std::sort(tokens.begin(), tokens.end(), [](const Candidate& a, const Candidate& b) { return a.id < b.id; });
  const double wanted = uniform(call, row) * mass(tokens);
  double sum = 0;
  for (const Candidate& c : tokens) {
    sum += c.p;
    if (sum > wanted) return c;
  }
  return tokens.back();
}

}  // namespace

Status oracle::sample(OracleCall& call) {
  for (std::int64_t row = 0; row < call.dim(kLogits, 0); ++row) {
    std::vector<Candidate> tokens;
    for (std::int64_t id = 0; id < call.dim(kLogits, 1); ++id)
      tokens.push_back({id, penalised(call, row, id), 0});
    std::stable_sort(tokens.begin(), tokens.end(),
                     [](const Candidate& a, const Candidate& b) { return a.logit > b.logit; });
    const double largest = tokens[0].logit, temperature = call.get(kTemperature, {row});
    if (std::isinf(largest)) {
      call.set(kToken, {row}, 0);
      call.set(kLogprob, {row}, largest);
      continue;
    }
    const bool greedy = !(temperature > 0);
    if (greedy) tokens.resize(1);
    for (Candidate& c : tokens) {
      c.p = greedy ? 1.0 : std::isinf(c.logit) ? 0.0 : std::exp((c.logit - largest) / temperature);
    }
    filter(call, row, tokens);
    const Candidate drawn = draw(call, row, tokens);
    call.set(kToken, {row}, static_cast<double>(drawn.id));
    call.set(kLogprob, {row}, std::log(drawn.p / mass(tokens)));
  }
  return {};
}

}  // namespace tamis
