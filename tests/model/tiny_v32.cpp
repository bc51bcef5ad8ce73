#include "tests/model/tiny_v32.h"

namespace tamis::model_tests {

std::vector<TinyMode> tiny_modes() {
  std::vector<TinyMode> modes(6);
  modes[0] = {"exact", {}, 2e-4, 0};
  modes[1] = {"fp8_indexer", {}, 0.5, 0.005};
  modes[1].precision.index_format = IndexFormat::kFp8Paged;
  modes[2] = {"fp8_cache", {}, 0.5, 0.005};
  modes[2].precision.kv_format = KvFormat::kPackedFp8;
  modes[3] = {"bf16", {}, 0.4, 0.005};
  modes[3].precision.activations = modes[3].precision.kv_dtype = DType::kBF16;
  modes[4] = {"all_three", modes[1].precision, 0.6, 0.005};
  modes[4].precision.kv_format = KvFormat::kPackedFp8;
  modes[4].precision.activations = DType::kBF16;
  modes[5] = {"all_three_act_quant", modes[4].precision, 1.5, 0.009};
  modes[5].precision.act_quant = ActQuant::kE4M3Group128Pow2;
  return modes;
}

TinyMode tiny_mode(const std::string& name) {
  for (const TinyMode& mode : tiny_modes()) {
    if (mode.name == name) return mode;
  }
  throw std::runtime_error("no mode " + name);
}

ModelSetup tiny_setup(const Precision& precision, std::int64_t cache_tokens) {
  ModelSetup setup{tiny_v32_path(), {}, {}};
  setup.options.precision = precision;
  setup.options.cache_tokens = cache_tokens;
  setup.options.max_sequences = 1;
  setup.options.mtp = true;
  return setup;
}

Expected tiny_expected() { return Expected(fixture_path("tiny-v32/expected.safetensors")); }

Tail run_tail(Runner& runner, int prompt) {
  const Expected expected = tiny_expected();
  const std::vector<std::int32_t> ids = expected.ints(fmt::format("passkey{}.ids", prompt));
  const auto vocab = static_cast<std::size_t>(runner.config().vocab_size);
  ScoreOptions options;
  options.first_logit = static_cast<std::int64_t>(ids.size() - kTail);
  const Scored scored = score(runner, {ids}, options);
  Tail tail;
  tail.logits.assign(scored.logits.end() - static_cast<std::ptrdiff_t>(kTail * vocab), scored.logits.end());
  tail.expected = expected.floats(fmt::format("passkey{}.logits_tail", prompt));
  tail.differences = row_differences(tail.logits, tail.expected, vocab);
  return tail;
}

void expect_tail(const TinyMode& mode, int prompt) {
  const ModelSetup setup = tiny_setup(mode.precision, 2048);
  const Repro repro(setup, {tiny_expected().ints(fmt::format("passkey{}.ids", prompt))});
  const double middle = median(run_tail(*open_runner(setup), prompt).differences);
  measured(mode.name + " tail", middle);
  EXPECT_LE(middle, mode.tail);
  EXPECT_GE(middle, 0.02) << "as close as exact arithmetic: the mode is not on";
}

}  // namespace tamis::model_tests
