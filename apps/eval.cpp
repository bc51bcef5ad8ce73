// tamis eval: how well a model predicts a text (ppl) and finds a number in a long one (passkey), in any
// numeric mode.
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <memory>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "apps/commands.h"
#include "apps/ids_file.h"
#include "apps/model_options.h"
#include "core/engine/passkey.h"
#include "core/engine/perplexity.h"
#include "core/model/find_model.h"
#include "core/text/tokenizer_config.h"

namespace tamis::apps {
namespace {

using Json = nlohmann::ordered_json;

struct EvalOptions {
  ModelOptions model;
  bool json = false;
};

struct PplOptions : EvalOptions {
  std::string ids_path;
  std::int64_t window = 2048;
};

struct PasskeyOptions : EvalOptions {
  std::vector<std::int64_t> lengths{1024, 4000};
  std::int64_t samples = 20;
  PasskeyShape shape;
  std::string filler_path;
};

const char* attention_name(const Runner& runner) {
  const bool dense = runner.options().attention == AttentionMode::kDense || !runner.config().is_dsa();
  return dense ? "dense" : "sparse";
}

// Rewrites one line on a terminal.
void show_progress(const char* what, std::int64_t done, std::int64_t total) {
  if (isatty(STDERR_FILENO) == 0) return;
  std::fprintf(stderr, "\r%s %lld of %lld%s", what, static_cast<long long>(done),
               static_cast<long long>(total), done == total ? "\r\033[K" : "");
}

void print_json(const Json& json) {
  fmt::print("{}\n", json.dump(2, ' ', false, Json::error_handler_t::replace));
}

Status run_ppl(const PplOptions& options) {
  TAMIS_ASSIGN_OR_RETURN(const std::vector<std::vector<std::int32_t>> rows, read_ids_file(options.ids_path));
  RunSize size;
  size.cache_tokens = options.window;
  size.sequences = 1;
  TAMIS_ASSIGN_OR_RETURN(const std::unique_ptr<Runner> runner,
                         load_runner(options.model, Defaults::kExact, size));
  Trace trace;
  if (!options.model.trace_path.empty()) runner->set_trace(&trace);
  PerplexityOptions perplexity;
  perplexity.window = options.window;
  perplexity.progress = [](std::int64_t done, std::int64_t total) { show_progress("window", done, total); };
  TAMIS_ASSIGN_OR_RETURN(const PerplexityResult result, measure_perplexity(*runner, rows, perplexity));
  if (options.json) {
    print_json({{"perplexity", result.perplexity()},
                {"windows", result.windows},
                {"window", options.window},
                {"tokens", result.tokens},
                {"nll", result.nll},
                {"seconds", result.seconds},
                {"attention", attention_name(*runner)}});
  } else {
    fmt::print("perplexity {:.4f} over {} tokens ({} windows of {}), {} attention, {:.1f} s\n",
               result.perplexity(), result.tokens, result.windows, options.window, attention_name(*runner),
               result.seconds);
  }
  return finish_trace(options.model, trace);
}

Result<PasskeyWriter> open_writer(const PasskeyOptions& options, const Tokenizer& tokenizer,
                                  const std::string& folder) {
  std::string path = options.filler_path;
  if (path.empty()) {
    TAMIS_ASSIGN_OR_RETURN(path, find_model(kDefaultModel));
    path += "/heldout.txt";
  }
  TAMIS_ASSIGN_OR_RETURN(const std::string filler, read_file(path));
  TAMIS_ASSIGN_OR_RETURN(const TokenizerConfig config, read_tokenizer_config(folder));
  std::optional<std::int32_t> bos;
  if (config.add_bos_token && config.bos_token.has_value()) bos = tokenizer.token_id(*config.bos_token);
  return PasskeyWriter::create(tokenizer, filler, bos);
}

Status run_passkey(const PasskeyOptions& options) {
  TAMIS_ASSIGN_OR_RETURN(const std::string folder, model_folder(options.model));
  TAMIS_ASSIGN_OR_RETURN(const Tokenizer tokenizer, Tokenizer::from_file(folder));
  TAMIS_ASSIGN_OR_RETURN(const PasskeyWriter writer, open_writer(options, tokenizer, folder));
  constexpr std::int64_t kAnswerRoom = 16;  // tokens
  RunSize size;
  size.cache_tokens = *std::max_element(options.lengths.begin(), options.lengths.end()) + kAnswerRoom;
  size.sequences = 1;
  TAMIS_ASSIGN_OR_RETURN(const std::unique_ptr<Runner> runner,
                         load_runner(options.model, Defaults::kExact, size));
  Trace trace;
  if (!options.model.trace_path.empty()) runner->set_trace(&trace);
  Json json{{"lengths", Json::array()}, {"keys", options.shape.keys}, {"attention", attention_name(*runner)}};
  for (std::int64_t length : options.lengths) {
    PasskeyShape shape = options.shape;
    shape.length = length;
    TAMIS_ASSIGN_OR_RETURN(const PasskeyScore score,
                           measure_passkey(*runner, tokenizer, writer, shape, options.samples));
    const double accuracy = static_cast<double>(score.right) / static_cast<double>(score.samples);
    json["lengths"].push_back({{"length", length},
                               {"right", score.right},
                               {"samples", score.samples},
                               {"accuracy", accuracy},
                               {"seconds", score.seconds}});
    if (options.json) continue;
    fmt::print("length {:>6}: {} of {} right ({:.0f} %), {} keys, {} attention, {:.1f} s\n", length,
               score.right, score.samples, 100 * accuracy, options.shape.keys, attention_name(*runner),
               score.seconds);
    std::fflush(stdout);
  }
  if (options.json) print_json(json);
  return finish_trace(options.model, trace);
}

void add_ppl(CLI::App& eval, int& exit_code) {
  CLI::App* command = eval.add_subcommand("ppl", "Perplexity over given token ids");
  const auto options = std::make_shared<PplOptions>();
  add_model_options(*command, options->model);
  command
      ->add_option("--ids", options->ids_path,
                   "JSON file {\"input_ids\": [[…], […]]}; windows do not cross rows")
      ->required();
  command
      ->add_option("--window", options->window,
                   "inputs of a window; ids beyond the last whole window are left out")
      ->check(count_range())
      ->capture_default_str();
  command->add_flag("--json", options->json, "machine-readable output");
  command->callback([options, &exit_code] { exit_code = report(run_ppl(*options)); });
}

void add_passkey(CLI::App& eval, int& exit_code) {
  CLI::App* command = eval.add_subcommand("passkey", "Recall of numbers hidden in a long text");
  const auto options = std::make_shared<PasskeyOptions>();
  add_model_options(*command, options->model);
  command->add_option("--lengths", options->lengths, "prompt lengths, tokens")
      ->delimiter(',')
      ->check(count_range())
      ->capture_default_str();
  command->add_option("--keys", options->shape.keys, "numbers hidden in a prompt")->capture_default_str();
  command->add_option("--samples", options->samples, "prompts of each length")
      ->check(count_range())
      ->capture_default_str();
  command->add_option("--seed", options->shape.seed, "of the prompts")->capture_default_str();
  command->add_option("--filler", options->filler_path,
                      "text around the numbers (default: tiny-v32's held-out text)");
  command->add_flag("--json", options->json, "machine-readable output");
  command->callback([options, &exit_code] { exit_code = report(run_passkey(*options)); });
}

}  // namespace

void add_eval(CLI::App& root, int& exit_code) {
  CLI::App* command =
      root.add_subcommand("eval", "Quality of a model in a numeric mode: perplexity, pass-key recall");
  command->require_subcommand(1);
  add_ppl(*command, exit_code);
  add_passkey(*command, exit_code);
}

}  // namespace tamis::apps
