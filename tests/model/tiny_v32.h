// tiny-v32 in its numeric modes, with the numbers that models/tiny-v32/README.md tables.
#pragma once

#include "tests/model/model_fixture.h"

namespace tamis::model_tests {

struct TinyMode {
  std::string name;
  Precision precision;
  double tail = 0;           // bound of the tails' medians
  double perplexity = 0.05;  // bound of the relative distance to exact
};

// exact; then FP8 indexer, FP8 cache, bf16 one at a time; all three; all three with quantised activations.
std::vector<TinyMode> tiny_modes();
TinyMode tiny_mode(const std::string& name);

ModelSetup tiny_setup(const Precision& precision, std::int64_t cache_tokens);
Expected tiny_expected();

inline constexpr std::size_t kTail = 64;  // positions of passkeyN.logits_tail

// The last 64 positions of a prompt that is longer than topk, so that the sparse path decides.
struct Tail {
  std::vector<float> logits, expected;  // [kTail, V]
  std::vector<double> differences;      // largest logit difference of each position
};
Tail run_tail(Runner& runner, int prompt);
// The tail's median is within the mode's bound, and not as small as exact arithmetic would make it.
void expect_tail(const TinyMode& mode, int prompt);

}  // namespace tamis::model_tests
