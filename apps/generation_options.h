// The sampling and stopping options of `run` and `chat`, and the line that both end with.
#pragma once

#include <CLI/CLI.hpp>

#include "apps/model_options.h"
#include "core/engine/generate.h"
#include "core/text/tokenizer.h"

namespace tamis::apps {

struct GenerationOptions {
  SamplingConfig sampling;
  std::int64_t max_new_tokens = 256;
  std::int64_t context = 8192;
  std::vector<std::string> stops;
};

void add_generation_options(CLI::App& command, GenerationOptions& options);

// A model with its tokenizer, ready to talk.
struct Talker {
  std::unique_ptr<Runner> runner;
  Tokenizer tokenizer;
  std::vector<std::int32_t> stop_tokens;  // of config.json and generation_config.json
  std::optional<std::int32_t> bos;        // set if a plain prompt begins with it
};
Result<Talker> open_talker(const ModelOptions& model, const GenerationOptions& generation);

GenerateRequest make_request(const Talker& talker, const GenerationOptions& options,
                             std::vector<std::int32_t> prompt);

// Callbacks that write text to stdout as it comes and, on a terminal, a progress line for long prompts.
GenerateCallbacks print_callbacks();

// "prefill 12 tokens, 431.0 tokens/s; decode 8 tokens, 96.2 tokens/s; stop token; rows: …; no fallbacks".
std::string summary_line(const GenerateResult& result, const Runner& runner);

}  // namespace tamis::apps
