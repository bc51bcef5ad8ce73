// tamis bench layer.
#ifdef TAMIS_BENCH
#include <memory>

#include "apps/bench_commands.h"
#include "apps/commands.h"
#include "apps/model_options.h"
#include "bench/counts.h"
#include "bench/layer_bench.h"

namespace tamis::apps {
namespace {

struct Arguments {
  ModelOptions model;
  bench::LayerOptions options;
  std::string batches = "1", contexts = "4096", prompts = "512", format = "md";
  std::vector<std::string> parts = {"moe", "dense", "ends"};
  std::vector<std::string> phases = {"decode", "prefill"};
};

Status run(Arguments& arguments) {
  bench::LayerOptions& options = arguments.options;
  ModelOptions model = arguments.model;
  if (!model.model.empty() || model.layers != 0 || !model.trace_path.empty())
    return invalid_argument("bench layer: takes --random FAMILY; no MODEL, --layers or --trace");
  if (model.random_family.empty()) model.random_family = family_name(ModelFamily::kDeepseekV32);
  if (model.activations == "auto") model.activations = "bf16";  // as GPUs and other engines run these models
  TAMIS_ASSIGN_OR_RETURN(options.model, builtin_config(model.random_family));
  TAMIS_ASSIGN_OR_RETURN(options.runner, make_runner_options(model, Defaults::kAsTrained, options.model, {}));
  TAMIS_ASSIGN_OR_RETURN(options.batches, bench::parse_counts(arguments.batches));
  TAMIS_ASSIGN_OR_RETURN(options.contexts, bench::parse_counts(arguments.contexts));
  TAMIS_ASSIGN_OR_RETURN(options.prompts, bench::parse_counts(arguments.prompts));
  options.parts.clear();
  for (const std::string& name : arguments.parts) {
    TAMIS_ASSIGN_OR_RETURN(const bench::LayerPart part, bench::parse_part(name));
    options.parts.push_back(part);
  }
  options.decode = options.prefill = false;
  for (const std::string& phase : arguments.phases)
    (phase == "decode" ? options.decode : options.prefill) = true;
  return print_rows(arguments.format,
                    [&](const bench::OpReport& report) { return bench_layers(options, report); });
}

void add_grid(CLI::App& command, Arguments& arguments) {
  command.add_option("-b,--batch", arguments.batches, "sequences of a step: 1,8-64*2")->capture_default_str();
  command.add_option("-c,--context", arguments.contexts, "tokens of each sequence after the step")
      ->capture_default_str();
  command.add_option("-p,--prompt", arguments.prompts, "new tokens of each sequence in a prefill step")
      ->capture_default_str();
  command.add_option("--phase", arguments.phases, "decode, prefill")
      ->delimiter(',')
      ->check(CLI::IsMember({"decode", "prefill"}))
      ->capture_default_str();
  command
      .add_option("--part", arguments.parts,
                  "moe and dense layers, ends (embedding and head); all three give a projection")
      ->delimiter(',')
      ->capture_default_str();
  command.add_option("--experts", arguments.options.experts,
                     "so many routed experts, to fit less memory (default: the model's)");
}

}  // namespace

void add_bench_layer(CLI::App& bench, int& exit_code) {
  CLI::App* command = bench.add_subcommand(
      "layer", "Time one decoder layer of a published model at full width, with random weights");
  const auto arguments = std::make_shared<Arguments>();
  bench::LayerOptions& options = arguments->options;
  add_model_options(*command, arguments->model);
  add_grid(*command, *arguments);
  command->add_option("--flush", options.flush, "cold: caches emptied before each step; warm: not")
      ->delimiter(',')
      ->capture_default_str();
  command->add_option("-r,--repetitions", options.repetitions, "at least this many steps, 5 or more")
      ->capture_default_str();
  command->add_option("--rounds", options.rounds, "passes over the grid that share the repetitions")
      ->capture_default_str();
  command
      ->add_option("--longest", options.longest_seconds,
                   "seconds of a prefill step, above which it is shrunk")
      ->capture_default_str();
  command->add_flag("!--no-ceilings", options.ceilings, "do not measure ceilings: no floors");
  command->add_option("--seed", options.seed, "of weights, cache and hidden states")->capture_default_str();
  command->add_option("-o,--output", arguments->format, "md, csv, json or jsonl")->capture_default_str();
  command->callback([arguments, &exit_code] { exit_code = report(run(*arguments)); });
}

}  // namespace tamis::apps
#endif
