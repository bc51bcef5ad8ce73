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

}  // namespace tamis::model_tests
