// tamis bench: measures kernel rows, and compares such measurements. Builds without the tests have neither
// the cases nor this command's work; there it says so.
#include <cstdio>
#include <fstream>
#include <memory>

#include "apps/commands.h"
#ifdef TAMIS_BENCH
#include "bench/compare.h"
#include "bench/formats.h"
#include "bench/op_bench.h"
#endif

namespace tamis::apps {

#ifdef TAMIS_BENCH
namespace {

struct OpArguments {
  bench::OpOptions options;
  std::string tokens, format = "md";
};

Status run_op(OpArguments& arguments) {
  TAMIS_ASSIGN_OR_RETURN(arguments.options.tokens, bench::parse_counts(arguments.tokens));
  TAMIS_ASSIGN_OR_RETURN(const bench::Format format, bench::parse_format(arguments.format));
  bench::RowWriter writer(format);
  const auto print = [](const std::string& text) {
    std::fputs(text.c_str(), stdout);
    std::fflush(stdout);
  };
  const auto message = [](const std::string& text) { std::fprintf(stderr, "bench: %s\n", text.c_str()); };
  TAMIS_ASSIGN_OR_RETURN(
      const bench::OpTotals totals,
      bench_ops(arguments.options, {[&](const bench::Row& row) { print(writer.add(row)); }, message}));
  print(writer.end());
  if (totals.failed > 0) return internal_error("{} of the measurements failed", totals.failed);
  if (totals.measured == 0) return not_found("nothing to measure: no perf case and row of these names");
  return {};
}

void add_op(CLI::App& bench, int& exit_code) {
  CLI::App* command = bench.add_subcommand("op", "Time every kernel row at the perf shapes of its op");
  const auto arguments = std::make_shared<OpArguments>();
  bench::OpOptions& options = arguments->options;
  command->add_option("--op", options.ops, "only these ops")->delimiter(',');
  command->add_option("--case", options.cases, "only cases whose name contains one of these")->delimiter(',');
  command->add_option("--row", options.kernels, "only kernel rows whose name contains one of these")
      ->delimiter(',');
  command->add_option("--device", options.devices, "cpu, cuda, cuda:1, …")
      ->delimiter(',')
      ->capture_default_str();
  command->add_option("--tokens", arguments->tokens,
                      "token counts instead of the cases' own: 1,8-64*2,100-130+10");
  command->add_option("--flush", options.flush, "cold: caches emptied before each launch; warm: not")
      ->delimiter(',')
      ->capture_default_str();
  command->add_option("-r,--repetitions", options.repetitions, "at least this many launches, 5 or more")
      ->capture_default_str();
  command
      ->add_option("--longest", options.longest_seconds, "seconds of a launch, above which a case is shrunk")
      ->capture_default_str();
  command->add_flag("--chosen", options.chosen_only, "only the rows that the planner takes");
  command->add_flag("!--no-ceilings", options.ceilings, "do not measure ceilings: no percentages");
  command->add_option("--seed", options.seed, "of data and routing")->capture_default_str();
  command->add_option("-o,--output", arguments->format, "md, csv, json or jsonl")->capture_default_str();
  command->callback([arguments, &exit_code] { exit_code = report(run_op(*arguments)); });
}

struct CompareArguments {
  std::vector<std::string> files;
  std::string format = "md", html;
};

Status run_compare(const CompareArguments& arguments) {
  if (arguments.format != "md" && arguments.format != "csv")
    return invalid_argument("format: expected md or csv, found {}", arguments.format);
  std::vector<bench::RowFile> files;
  for (const std::string& name : arguments.files) {
    TAMIS_ASSIGN_OR_RETURN(const std::string text, read_file(name));
    TAMIS_ASSIGN_OR_RETURN(std::vector<bench::Row> rows, bench::read_rows(text, name));
    files.push_back({name, std::move(rows)});
  }
  const bench::CompareResult result = bench::compare(files);
  const std::string text =
      arguments.format == "csv" ? bench::compare_csv(files, result) : bench::compare_markdown(files, result);
  std::fputs(text.c_str(), stdout);
  if (arguments.html.empty()) return {};
  std::ofstream out(arguments.html, std::ios::binary);
  out << bench::compare_html(files, result) << std::flush;
  if (!out) return invalid_argument("{}: cannot be written", arguments.html);
  return {};
}

void add_compare(CLI::App& bench, int& exit_code) {
  CLI::App* command = bench.add_subcommand("compare", "Say where runs of bench op differ beyond their noise");
  const auto arguments = std::make_shared<CompareArguments>();
  command->add_option("files", arguments->files, "json or jsonl of bench op; the first is the base")
      ->required();
  command->add_option("-o,--output", arguments->format, "md or csv")->capture_default_str();
  command->add_option("--html", arguments->html, "also write a page with plots to this file");
  command->callback([arguments, &exit_code] { exit_code = report(run_compare(*arguments)); });
}

}  // namespace

void add_bench(CLI::App& root, int& exit_code) {
  CLI::App* command = root.add_subcommand("bench", "Time kernels; compare such timings");
  command->require_subcommand(1);
  add_op(*command, exit_code);
  add_compare(*command, exit_code);
}

#else

void add_bench(CLI::App& root, int& exit_code) {
  CLI::App* command = root.add_subcommand("bench", "Time kernels (not in this build)");
  command->allow_extras();
  command->callback([&exit_code] {
    exit_code = report(unsupported("bench: this build has no benchmarks: configure with -DTAMIS_TESTS=ON"));
  });
}

#endif

}  // namespace tamis::apps
