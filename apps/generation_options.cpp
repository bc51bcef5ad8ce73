#include "apps/generation_options.h"

#include <unistd.h>

#include <cstdio>

#include "core/text/tokenizer_config.h"

namespace tamis::apps {

void add_generation_options(CLI::App& command, GenerationOptions& options) {
  const auto group = [&](CLI::Option* option) { option->group("Generation"); };
  SamplingConfig& s = options.sampling;
  group(command.add_option("-n,--max-tokens", options.max_new_tokens, "most tokens to generate")
            ->capture_default_str());
  group(command.add_option("--context", options.context, "tokens that the cache holds")
            ->check(count_range())
            ->capture_default_str());
  group(command.add_option("--temperature", s.temperature, "0: always the likeliest token")
            ->check(CLI::Range(0.0, 1e6, "NONNEGATIVE"))
            ->capture_default_str());
  group(command.add_option("--top-k", s.top_k, "keep the k likeliest tokens; 0: all")->capture_default_str());
  group(command.add_option("--top-p", s.top_p, "keep the likeliest tokens up to this probability")
            ->check(CLI::Range(0.0, 1.0))
            ->capture_default_str());
  group(command
            .add_option("--min-p", s.min_p,
                        "drop tokens below this fraction of the likeliest one's probability")
            ->check(CLI::Range(0.0, 1.0))
            ->capture_default_str());
  group(command.add_option("--repetition-penalty", s.repetition, "1: off")
            ->check(CLI::Range(1e-6, 1e6, "POSITIVE"))
            ->capture_default_str());
  group(command.add_option("--presence-penalty", s.presence, "0: off")->capture_default_str());
  group(command.add_option("--frequency-penalty", s.frequency, "0: off")->capture_default_str());
  group(command.add_option("--seed", s.seed, "of the draws: the same seed gives the same text")
            ->capture_default_str());
  group(command.add_option("--stop", options.stops, "end the text before this string (repeatable)"));
}

Result<Talker> open_talker(const ModelOptions& model, const GenerationOptions& generation) {
  TAMIS_ASSIGN_OR_RETURN(const std::string folder, model_folder(model));
  TAMIS_ASSIGN_OR_RETURN(Tokenizer tokenizer, Tokenizer::from_file(folder));
  TAMIS_ASSIGN_OR_RETURN(const TokenizerConfig config, read_tokenizer_config(folder));
  RunSize size;
  size.cache_tokens = generation.context;
  size.sequences = 1;
  TAMIS_ASSIGN_OR_RETURN(std::unique_ptr<Runner> runner, load_runner(model, Defaults::kAsTrained, size));
  Talker talker{std::move(runner), std::move(tokenizer), {}, std::nullopt};
  for (std::int64_t id : talker.runner->config().eos_token_ids)
    talker.stop_tokens.push_back(static_cast<std::int32_t>(id));
  if (config.eos_token.has_value()) {
    if (const auto id = talker.tokenizer.token_id(*config.eos_token)) talker.stop_tokens.push_back(*id);
  }
  if (config.add_bos_token && config.bos_token.has_value())
    talker.bos = talker.tokenizer.token_id(*config.bos_token);
  return talker;
}

GenerateRequest make_request(const Talker& talker, const GenerationOptions& options,
                             std::vector<std::int32_t> prompt) {
  GenerateRequest request;
  request.prompt = std::move(prompt);
  request.sampling = options.sampling;
  request.max_new_tokens = options.max_new_tokens;
  request.stop_strings = options.stops;
  request.stop_tokens = talker.stop_tokens;
  return request;
}

GenerateCallbacks print_callbacks() {
  GenerateCallbacks callbacks;
  callbacks.text = [](std::string_view piece) {
    std::fwrite(piece.data(), 1, piece.size(), stdout);
    return std::fflush(stdout) == 0;
  };
  if (isatty(STDERR_FILENO) == 0) return callbacks;
  callbacks.prefill = [](std::int64_t done, std::int64_t total) {
    constexpr std::int64_t kWorthShowing = 1024;  // tokens; shorter prompts are done before one could read it
    if (total < kWorthShowing) return;
    std::fprintf(stderr, "\rreading prompt: %lld of %lld tokens", static_cast<long long>(done),
                 static_cast<long long>(total));
    if (done == total) std::fputs("\r\033[K", stderr);
  };
  return callbacks;
}

std::string summary_line(const GenerateResult& result, const Runner& runner) {
  const auto rate = [](std::int64_t tokens, double seconds) {
    return seconds > 0 ? static_cast<double>(tokens) / seconds : 0.0;
  };
  const std::int64_t read = result.prompt_tokens - result.reused_tokens;
  // The first token comes out of the prefill.
  const auto decoded = static_cast<std::int64_t>(result.tokens.size()) - 1;
  return fmt::format("prefill {} tokens, {:.1f} tokens/s; decode {} tokens, {:.1f} tokens/s; {}; {}", read,
                     rate(read, result.prefill_seconds), decoded, rate(decoded, result.decode_seconds),
                     finish_reason_name(result.finish), describe_plans(runner));
}

}  // namespace tamis::apps
