// tamis bench op.
#ifdef TAMIS_BENCH
#include <map>
#include <memory>

#include "apps/bench_commands.h"
#include "apps/commands.h"
#include "bench/counts.h"

namespace tamis::apps {
namespace {

const std::map<std::string, bench::Grid> kGrids{{"auto", bench::Grid::kAuto},
                                                {"small", bench::Grid::kSmall},
                                                {"large", bench::Grid::kLarge},
                                                {"all", bench::Grid::kAll}};
const std::map<std::string, bench::Energy> kEnergy{
    {"none", bench::Energy::kNone}, {"chosen", bench::Energy::kChosen}, {"all", bench::Energy::kAll}};

struct Arguments {
  bench::OpOptions options;
  std::string tokens, grid = "auto", energy = "chosen", format = "md";
};

Status run(Arguments& arguments) {
  TAMIS_ASSIGN_OR_RETURN(arguments.options.tokens, bench::parse_counts(arguments.tokens));
  arguments.options.grid = kGrids.at(arguments.grid);
  arguments.options.energy = kEnergy.at(arguments.energy);
  return print_rows(arguments.format,
                    [&](const bench::OpReport& report) { return bench_ops(arguments.options, report); });
}

void add_choices(CLI::App& command, Arguments& arguments) {
  bench::OpOptions& options = arguments.options;
  command.add_option("--op", options.ops, "only these ops")->delimiter(',');
  command.add_option("--case", options.cases, "only cases whose name contains one of these")->delimiter(',');
  command.add_option("--row", options.kernels, "only kernel rows whose name contains one of these")
      ->delimiter(',');
  command.add_option("--device", options.devices, "cpu, cuda, cuda:1, …")
      ->delimiter(',')
      ->capture_default_str();
  command.add_option("--tokens", arguments.tokens,
                     "token counts instead of the cases' own: 1,8-64*2,100-130+10");
  command
      .add_option("--grid", arguments.grid,
                  "cases: small (any device), large (data-centre GPUs), all; auto: large ones except on CPUs")
      ->check(CLI::IsMember(kGrids))
      ->capture_default_str();
  command.add_flag("--chosen", options.chosen_only, "only the rows that the planner takes");
}

}  // namespace

void add_bench_op(CLI::App& bench, int& exit_code) {
  CLI::App* command = bench.add_subcommand("op", "Time every kernel row at the perf shapes of its op");
  const auto arguments = std::make_shared<Arguments>();
  bench::OpOptions& options = arguments->options;
  add_choices(*command, *arguments);
  command->add_option("--flush", options.flush, "cold: caches emptied before each launch; warm: not")
      ->delimiter(',')
      ->capture_default_str();
  command->add_option("-r,--repetitions", options.repetitions, "at least this many launches, 5 or more")
      ->capture_default_str();
  command->add_option("--rounds", options.rounds, "passes over an op's cases that share the repetitions")
      ->capture_default_str();
  command
      ->add_option("--longest", options.longest_seconds, "seconds of a launch, above which a case is shrunk")
      ->capture_default_str();
  command->add_flag("!--no-ceilings", options.ceilings, "do not measure ceilings: no percentages");
  command->add_option("--energy", arguments->energy, "rows whose energy is measured: none, chosen, all")
      ->check(CLI::IsMember(kEnergy))
      ->capture_default_str();
  command->add_option("--seed", options.seed, "of data and routing")->capture_default_str();
  command->add_option("-o,--output", arguments->format, "md, csv, json or jsonl")->capture_default_str();
  command->callback([arguments, &exit_code] { exit_code = report(run(*arguments)); });
}

}  // namespace tamis::apps
#endif
