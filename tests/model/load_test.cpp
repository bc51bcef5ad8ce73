// Loading: fast, because weights stay where the file is mapped.
#include <chrono>

#include "core/model/model_size.h"
#include "core/model/random_model.h"
#include "tests/model/tiny_v32.h"

namespace tamis::model_tests {
namespace {

double seconds_since(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

StoredBytes stored(const std::string& folder) {
  return must(stored_bytes(*must(Checkpoint::open(folder)), must(load_config(folder))));
}

TEST(Load, KeepsWeightsInTheMappedFile) {
  if (tested_device() != "cpu") GTEST_SKIP() << "a device with memory of its own holds a copy";
  const StoredBytes bytes = stored(tiny_v32_path());
  const std::unique_ptr<Runner> runner = open_runner(tiny_setup({}, 512));
  const double owned =
      static_cast<double>(runner->weights().owned_bytes()) / static_cast<double>(bytes.main + bytes.mtp);
  measured("owned of stored", owned);
  EXPECT_LT(owned, 0.05);
}

// Before anything is allocated: the parts add up to more than there is.
TEST(Load, SaysWhatAModelNeedsThatDoesNotFit) {
  const ModelSetup setup = tiny_setup({}, 1 << 30);
  const Result<std::unique_ptr<Runner>> runner =
      Runner::create(must(load_config(setup.folder)), must(Checkpoint::open(setup.folder)), setup.options);
  ASSERT_FALSE(runner.ok());
  EXPECT_EQ(runner.status().code(), StatusCode::kOutOfMemory);
  for (const char* part :
       {"needs ", "weights 0.00", "cache of 1073741824 tokens", "activations", "has ", "GB free"}) {
    EXPECT_NE(runner.status().message().find(part), std::string::npos) << runner.status().message();
  }
}

// Full width, one layer: a chunk of 4 tokens and a decode step of a graph with DeepSeek-V3.2's own sizes.
// Filling 5 GB with random numbers takes a minute, so it runs by hand.
TEST(RandomModel, DISABLED_FullWidthLayerIsFinite) {
  const auto start = std::chrono::steady_clock::now();
  ModelConfig config = must(builtin_config("deepseek-v3.2", 1));
  std::unique_ptr<Checkpoint> checkpoint = must(random_checkpoint(config, 0));
  RunnerOptions options;
  options.device = tested_device();
  options.cache_tokens = 64;
  options.max_batch_tokens = 4;
  options.max_sequences = 1;
  const std::unique_ptr<Runner> runner =
      must(Runner::create(std::move(config), std::move(checkpoint), options));
  measured("seconds to load", seconds_since(start));
  const SequenceId sequence = must(runner->new_sequence());
  for (const std::vector<std::int32_t>& tokens : {std::vector<std::int32_t>{1, 20, 300, 4000}, {7}}) {
    const StepResult result = advance(*runner, sequence, tokens);
    const double largest = max_difference(result.logits, std::vector<float>(result.logits.size()));
    measured("largest logit", largest);
    EXPECT_EQ(result.logits.size(), 129280u);
    EXPECT_LT(largest, 100);
    EXPECT_GT(largest, 0.1);
  }
  measured("seconds in all", seconds_since(start));
}

}  // namespace
}  // namespace tamis::model_tests
