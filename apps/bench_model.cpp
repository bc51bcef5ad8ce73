// tamis bench model.
#ifdef TAMIS_BENCH
#include <filesystem>
#include <memory>

#include "apps/bench_commands.h"
#include "apps/commands.h"
#include "apps/model_options.h"
#include "bench/counts.h"
#include "bench/model_bench.h"

namespace tamis::apps {
namespace {

struct Arguments {
  ModelOptions model;
  bench::ModelBenchOptions options;
  std::int64_t step_tokens = 512;
  std::string prompts = "512", generate = "128", depths = "0", batches = "1", format = "md";
};

// "0" asks for none, as in llama-bench.
Result<std::vector<std::int64_t>> counts_or_none(const std::string& text) {
  if (text == "0") return std::vector<std::int64_t>{};
  return bench::parse_counts(text);
}

Result<std::string> name_of(const ModelOptions& options) {
  if (options.random_family.empty()) {
    TAMIS_ASSIGN_OR_RETURN(const std::string folder, model_folder(options));
    const std::filesystem::path path = std::filesystem::path(folder).lexically_normal();
    return (path.has_filename() ? path : path.parent_path()).filename().string();
  }
  if (options.layers == 0) return "random " + options.random_family;
  return fmt::format("random {} of {} layers", options.random_family, options.layers);
}

Status run(Arguments& arguments) {
  bench::ModelBenchOptions& options = arguments.options;
  if (!arguments.model.trace_path.empty())
    return invalid_argument("bench model: a traced step is slower: use tamis run --trace");
  TAMIS_ASSIGN_OR_RETURN(options.name, name_of(arguments.model));
  TAMIS_ASSIGN_OR_RETURN(options.prompts, counts_or_none(arguments.prompts));
  TAMIS_ASSIGN_OR_RETURN(options.generate, counts_or_none(arguments.generate));
  TAMIS_ASSIGN_OR_RETURN(options.depths, bench::parse_counts(arguments.depths, 0));
  TAMIS_ASSIGN_OR_RETURN(options.batches, bench::parse_counts(arguments.batches));
  const bench::ModelBenchSize needed = size_of(options);
  RunSize size;
  size.cache_tokens = std::max<std::int64_t>(1, needed.cache_tokens);
  size.sequences = std::max<std::int64_t>(1, needed.sequences);
  size.batch_tokens = arguments.step_tokens;
  TAMIS_ASSIGN_OR_RETURN(const std::unique_ptr<Runner> runner,
                         load_runner(arguments.model, Defaults::kAsTrained, size));
  return print_rows(arguments.format,
                    [&](const bench::OpReport& report) { return bench_model(*runner, options, report); });
}

}  // namespace

void add_bench_model(CLI::App& bench, int& exit_code) {
  CLI::App* command =
      bench.add_subcommand("model", "Time prompts and generation of a model at depths of context");
  const auto arguments = std::make_shared<Arguments>();
  bench::ModelBenchOptions& options = arguments->options;
  add_model_options(*command, arguments->model);
  command->add_option("-p,--n-prompt", arguments->prompts, "tokens of a prompt: 512,1024-4096*2; 0: none")
      ->capture_default_str();
  command->add_option("-n,--n-gen", arguments->generate, "tokens generated; 0: none")->capture_default_str();
  command->add_option("-d,--n-depth", arguments->depths, "tokens cached before, computed but not timed")
      ->capture_default_str();
  command->add_option("-b,--batch", arguments->batches, "sequences side by side")->capture_default_str();
  command->add_option("-u,--step-tokens", arguments->step_tokens, "most tokens of one step")
      ->check(count_range())
      ->capture_default_str();
  command->add_option("-r,--repetitions", options.repetitions, "at least this many of each test, 5 or more")
      ->capture_default_str();
  command->add_option("--rounds", options.rounds, "passes over the tests that share the repetitions")
      ->capture_default_str();
  command->add_flag("--ceilings", options.ceilings, "measure the device's ceilings, too");
  command->add_option("--seed", options.seed, "of the prompts")->capture_default_str();
  command->add_option("-o,--output", arguments->format, "md, csv, json or jsonl")->capture_default_str();
  command->callback([arguments, &exit_code] { exit_code = report(run(*arguments)); });
}

}  // namespace tamis::apps
#endif
